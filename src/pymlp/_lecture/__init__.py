"""The lecture's job: ``python -m pymlp``."""
