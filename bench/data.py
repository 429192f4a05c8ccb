"""The 5,400 training samples: MNIST where a folder is given, and pixels like it where not.

Small networks have data of their own: two moons, and scikit-learn's digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.jobs import N_CLASSES

SIDE = 28
SAMPLES = 5_400


@dataclass(frozen=True)
class Data:
    """X: (samples, n_features) float32; y: (samples,) int64, classes from 0."""

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    title: str

    def head(self, n: int) -> Data:
        return Data(self.X[:n], self.y[:n], self.title)

    def rows(self, n: int) -> NDArray[np.float32]:
        """`n` rows of X, repeated from the start where X has fewer."""
        return self.X[np.arange(n) % len(self.X)]


def like_mnist(samples: int = SAMPLES, seed: int = 0) -> Data:
    """Ten blurred shapes, moved about and noisy, as 8-bit pixels of which about four fifths are 0.

    They have to be learnable, but a tenth of the labels is drawn at random: a diverging fit ends
    early, a fit without error computes with ever smaller gradients down to subnormal numbers,
    and neither takes the time of a real one.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(N_CLASSES, size=samples)
    waves = np.fft.fftfreq(SIDE)
    smooth = np.exp(-((waves[:, None] ** 2 + waves**2) / (2 * 0.06**2)))
    fields = np.fft.ifft2(np.fft.fft2(rng.normal(size=(N_CLASSES, SIDE, SIDE))) * smooth).real
    cut = np.quantile(fields, 0.8, axis=(1, 2), keepdims=True)
    shapes = np.clip((fields - cut) / (fields.max(axis=(1, 2), keepdims=True) - cut), 0, 1)

    images = np.empty((samples, SIDE, SIDE), dtype=np.uint8)
    for image, digit, shift in zip(images, y, rng.integers(-4, 5, size=(samples, 2)), strict=True):
        shape = np.roll(shapes[digit], shift, axis=(0, 1))
        ink = shape * rng.uniform(0.5, 2.0) + (shape > 0) * rng.normal(0, 0.3, shape.shape)
        image[:] = np.clip(255 * ink, 0, 255)
    X = images.reshape(samples, -1).astype(np.float32) / np.float32(255)
    X -= X.mean(axis=0)
    wrong = rng.random(samples) < 0.1
    y[wrong] = rng.integers(N_CLASSES, size=wrong.sum())
    return Data(X, y.astype(np.int64), f"{samples:,} samples like MNIST")


def mnist(folder: Path) -> Data:
    """MNIST's training samples as the lecture splits them; `folder` holds the four IDX files."""
    from pymlp._lecture.job import mnist_split

    split = mnist_split(folder)
    return Data(split.X_train, split.y_train.astype(np.int64), split.title)


def moons(samples: int = 1_000) -> Data:
    """Two noisy half moons in the plane."""
    from sklearn.datasets import make_moons

    X, y = make_moons(samples, noise=0.2, random_state=0)
    return Data(X.astype(np.float32), y.astype(np.int64), f"{samples:,} points of two moons")


def digits() -> Data:
    """scikit-learn's digits, (1797, 64)."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return Data((X / 16).astype(np.float32), y.astype(np.int64), "digits")
