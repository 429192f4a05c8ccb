"""The optimizers' state and learning-rate rules; their arithmetic lies in the C++ kernels."""

from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from ._parameters import Parameters


class Optimizer:
    """What all optimizers share: their moments, the steps done and the learning rate.

    Parameters
    ----------
    parameters : Parameters
        The network's, for the shapes of the moments.
    learning_rate_init : float
    """

    solver: Literal["sgd", "adam"]
    n_moments: int

    def __init__(self, parameters: Parameters, learning_rate_init: float) -> None:
        self.moments = [parameters.zeros() for _ in range(self.n_moments)]
        self.learning_rate_init = float(learning_rate_init)
        self.learning_rate = self.learning_rate_init
        self.steps = 0

    def cast(self, dtype: DTypeLike) -> None:
        """Hold the moments in another type from now on."""
        self.moments = [moment.cast(dtype) for moment in self.moments]

    def reset(self) -> None:
        """Forget the past; the learning rate stays."""
        self.moments = [moment.zeros() for moment in self.moments]
        self.steps = 0

    @property
    def epoch_learning_rate(self) -> float:
        """The rate that the next epoch starts from."""
        return self.learning_rate

    def end_epoch(self, samples_seen: int) -> None:
        """Follow the schedule after an epoch."""

    def wants_to_stop(self, message: str, verbose: bool) -> bool:
        """Answer a lack of progress: stop, or go on at another rate."""
        if verbose:
            print(f"{message} Stopping.")
        return True


class SGD(Optimizer):
    """Stochastic gradient descent with momentum and scikit-learn's learning-rate schedules.

    Parameters
    ----------
    parameters : Parameters
    learning_rate_init : float
    schedule : {'constant', 'invscaling', 'adaptive'}
    power_t : float
        Exponent of 'invscaling'.
    """

    solver = "sgd"
    n_moments = 1  # velocity

    def __init__(
        self, parameters: Parameters, learning_rate_init: float, schedule: str, power_t: float
    ) -> None:
        super().__init__(parameters, learning_rate_init)
        self.schedule = schedule
        self.power_t = power_t

    def end_epoch(self, samples_seen: int) -> None:
        """Follow the schedule after an epoch."""
        if self.schedule == "invscaling":
            self.learning_rate = self.learning_rate_init / (samples_seen + 1) ** self.power_t

    def wants_to_stop(self, message: str, verbose: bool) -> bool:
        """Answer a lack of progress: stop, or with 'adaptive' go on at a fifth of the rate."""
        if self.schedule != "adaptive":
            return super().wants_to_stop(message, verbose)
        if self.learning_rate <= 1e-6:
            return super().wants_to_stop(f"{message} Learning rate too small.", verbose)
        self.learning_rate /= 5.0
        if verbose:
            print(f"{message} Setting learning rate to {self.learning_rate:f}")
        return False


class Adam(Optimizer):
    """Adam [1]_; ``learning_rate`` holds its last bias-corrected rate, as scikit-learn's does.

    Parameters
    ----------
    parameters : Parameters
    learning_rate_init : float
    beta_1, beta_2 : float

    References
    ----------
    .. [1] Kingma & Ba, "Adam: A method for stochastic optimization", arXiv:1412.6980 (2015).
    """

    solver = "adam"
    n_moments = 2  # m and v

    def __init__(
        self, parameters: Parameters, learning_rate_init: float, beta_1: float, beta_2: float
    ) -> None:
        super().__init__(parameters, learning_rate_init)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    @property
    def epoch_learning_rate(self) -> float:
        """The rate before the bias corrections, which the kernels apply at each step."""
        return self.learning_rate_init

    def end_epoch(self, samples_seen: int) -> None:  # noqa: ARG002
        """Note the rate of the last step."""
        corrections = np.sqrt(1 - self.beta_2**self.steps) / (1 - self.beta_1**self.steps)
        self.learning_rate = float(self.learning_rate_init * corrections)


def is_stochastic(estimator: Any) -> bool:
    """Tell whether the solver works by mini-batches, as partial_fit needs."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True
