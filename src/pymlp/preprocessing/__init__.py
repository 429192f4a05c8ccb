"""Tables as they come, encoded for neural networks."""

from ._encoder import TableEncoder

__all__ = ["TableEncoder"]
