"""What makes the tables of the documentation: ``python -m docs.tables``."""
