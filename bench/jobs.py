"""What is measured: the networks, and the two jobs (an epoch of a fit, a call of predict_proba)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

N_FEATURES = 784
N_CLASSES = 10
MOMENTUM = 0.9
PIXELS = "pixels"
# of one weight: read by a product; read and written by sgd's update, with its momentum. In bfloat16
# a product reads a copy, which the update writes beside the float32 weight and momentum.
WEIGHT_BYTES = {"float32": (4, 16), "bfloat16": (2, 18)}


@dataclass(frozen=True)
class Network:
    """Widths of all layers, input and output included: ``(784, 200, 10)``."""

    sizes: tuple[int, ...]

    @classmethod
    def parse(cls, name: str) -> Self:
        """``"784-200-10"``; a width that does not fit the data is refused."""
        try:
            sizes = tuple(int(part) for part in name.split("-"))
        except ValueError:
            sizes = ()
        ends = (sizes[0], sizes[-1]) if len(sizes) > 1 else None
        if ends != (N_FEATURES, N_CLASSES) or min(sizes) < 1:
            raise ValueError(
                f"network {name!r}: expected widths joined by '-', from {N_FEATURES} inputs "
                f"to {N_CLASSES} classes, such as '784-200-10'"
            )
        return cls(sizes)

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def hidden(self) -> tuple[int, ...]:
        return self.sizes[1:-1]

    @property
    def learning_rate(self) -> float:
        """The lecture's: 0.05 for softmax regression, 0.1 with hidden layers."""
        return 0.1 if self.hidden else 0.05

    @property
    def products(self) -> list[int]:
        """Multiply-adds of one sample through each layer, input layer first."""
        return [n_in * n_out for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False)]


LECTURE = tuple(
    map(Network.parse, ("784-10", "784-50-10", "784-200-10", "784-1000-10", "784-500-500-10"))
)
SMALL = {  # by the name of their data
    "moons": (Network((2, 2, 2)), Network((2, 20, 2))),
    "digits": (Network((64, 50, 10)),),
}
PREDICTED = tuple(map(Network.parse, ("784-50-10", "784-200-10", "784-1000-10")))


@dataclass(frozen=True)
class Fit:
    """One epoch over `samples` in mini-batches of `batch`, in fits of `epochs`."""

    network: Network
    batch: int
    samples: int
    epochs: int
    data: str = PIXELS

    @property
    def title(self) -> str:
        return f"{self.network.name}, batch {self.batch}: an epoch of {self.samples:,}"

    @property
    def steps(self) -> int:
        return -(-self.samples // self.batch)

    @property
    def flops(self) -> int:
        """Useful arithmetic only; padding and the activations are not counted.

        Every layer has a forward product and a weight gradient, and every layer but the first
        a product back to its input. A multiply-add is two operations.
        """
        first, *others = self.network.products
        return 2 * self.samples * (2 * first + 3 * sum(others))

    def traffic(self, precision: str) -> int:
        """Bytes that an epoch would move if no cache kept anything from one pass to the next.

        In every step the forward product reads the weights, the product back those of all layers
        but the first, and the update reads and writes weights and momentum; X is read once.
        Hidden outputs are not counted: they are small, and used while they are in a cache.
        """
        first, *others = self.network.products
        read, updated = WEIGHT_BYTES[precision]
        a_step = read * (first + 2 * sum(others)) + updated * (first + sum(others))
        return 4 * self.samples * self.network.sizes[0] + self.steps * a_step


@dataclass(frozen=True)
class Predict:
    """One call of predict_proba with `rows` rows."""

    network: Network
    rows: int
    data: str = PIXELS

    @property
    def title(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return f"{self.network.name}, predict_proba of {rows}"

    @property
    def flops(self) -> int:
        return 2 * self.rows * sum(self.network.products)

    def traffic(self, precision: str) -> int:
        """Bytes of X and of the probabilities, and of the weights once."""
        read, _ = WEIGHT_BYTES[precision]
        ends = self.network.sizes[0] + self.network.sizes[-1]
        return 4 * self.rows * ends + read * sum(self.network.products)


Job = Fit | Predict
