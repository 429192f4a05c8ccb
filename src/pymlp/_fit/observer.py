"""What the loop over the epochs knows of those who watch it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .fit import Fit


class Observer:
    """Told of a fit's epochs, or lbfgs' iterations; a subclass overrides what it needs."""

    def begin_epoch(self, fit: Fit) -> None:
        """Hear that an epoch begins, maybe more than once."""

    def end_epoch(self, fit: Fit) -> bool:  # noqa: ARG002
        """Hear that an epoch has been counted, whose row is the last of ``fit.records.history``.

        Returns
        -------
        bool
            Whether the training is to end.
        """
        return False

    def settle_epoch(self, fit: Fit) -> None:
        """Hear that all has been said of the epoch, and whether ``fit.has_ended``."""
