"""A network: its weights, how they are drawn, what it puts out."""
