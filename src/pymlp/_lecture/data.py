"""The lecture's data, split and ready for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from ..datasets import load_mnist

SPLIT_SEED = 4487  # the lecture's; --seed does not touch the split, so seeds can be compared
EVERY = 10  # the lecture trains on every tenth image


@dataclass(frozen=True, eq=False)
class Split:
    """Data ready for training: X (n, n_in) float32, centred; y (n,) integer labels."""

    title: str
    X_train: NDArray[np.float32]
    y_train: NDArray[Any]
    X_val: NDArray[np.float32]
    y_val: NDArray[Any]
    X_test: NDArray[np.float32]
    y_test: NDArray[Any]
    mean: NDArray[np.float32]  # (n_in,), what was taken off each row
    image_shape: tuple[int, int]  # of a row

    @property
    def n_in(self) -> int:
        return int(self.X_train.shape[1])

    @property
    def n_classes(self) -> int:
        return len(np.unique(self.y_train))

    def architecture(self, hidden: tuple[int, ...]) -> str:
        """Widths of a network for these data: ``'784-200-10'``."""
        return "-".join(map(str, (self.n_in, *hidden, self.n_classes)))


def digits_split() -> Split:
    """The handwritten digits that ship with scikit-learn: 8 x 8 pixels, grey levels 0 to 16."""
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.25, stratify=y, random_state=SPLIT_SEED)
    return _split("scikit-learn's digits", parts, white=16, image_shape=(8, 8))


def mnist_split(folder: Path, full: bool = False) -> Split:
    """MNIST as the lecture splits it, from a folder with the four IDX files."""
    mnist = load_mnist(folder)
    step = 1 if full else EVERY
    parts = [mnist.X_train[::step], mnist.X_test, mnist.y_train[::step], mnist.y_test]
    title = "MNIST, all training images" if full else "MNIST, every tenth training image"
    return _split(title, parts, white=255, image_shape=mnist.image_shape)


def _split(
    title: str, parts: Sequence[NDArray[Any]], *, white: int, image_shape: tuple[int, int]
) -> Split:
    """Scale grey levels to [0, 1], centre by the training mean, hold out 10 % for validation.

    The mean of each pixel is taken before the validation set is held out, as in the lecture.
    """
    X, X_test, y, y_test = parts
    X = X.astype(np.float32) / np.float32(white)
    X_test = X_test.astype(np.float32) / np.float32(white)
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    X -= mean
    X_test -= mean
    X_train, X_val, y_train, y_val = train_test_split(X, y, train_size=0.9, random_state=SPLIT_SEED)
    return Split(title, X_train, y_train, X_val, y_val, X_test, y_test, mean, image_shape)
