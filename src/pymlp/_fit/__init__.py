"""The course of a fit: its state, the epochs, what is recorded and shown."""
