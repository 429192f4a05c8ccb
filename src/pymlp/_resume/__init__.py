"""Checkpoints: a fit's state in a file from which it goes on."""
