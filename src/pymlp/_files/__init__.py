"""Files of arrays and JSON, and how one is replaced."""
