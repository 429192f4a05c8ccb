"""Paired comparisons of pymlp with its peers: ``python -m bench`` from the repository root."""
