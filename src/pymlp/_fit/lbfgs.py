"""Full-batch training with SciPy's L-BFGS-B."""

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from .._estimators.tasks import Tasks
from .._network.parameters import Parameters
from .._system.arrays import Array
from .._system.messages import warn
from .._system.threads import one_blas_thread
from .engine import Engine, Samples
from .epochs import NOT_FINITE, count_epoch
from .progress import Progress
from .scoring import Validation

if TYPE_CHECKING:
    from .._estimators.base import BaseMLP


class Objective:
    """The mean loss with the penalty, and its gradient, as functions of one vector.

    Parameters
    ----------
    engine : Engine
    samples : Samples
    """

    def __init__(self, engine: Engine, samples: Samples) -> None:
        self._engine = engine
        self._samples = samples

    def __call__(self, packed: Array) -> tuple[float, Array]:
        """Compute loss and gradient; both vectors hold all weights, then all biases."""
        like = self._engine.parameters
        gradient = np.empty(len(packed), like.coefs[0].dtype)
        at = unpack(packed, like)
        loss = self._engine.gradient(self._samples, at, into=unpack(gradient, like))
        return loss, gradient.astype(np.float64, copy=False)


def pack(parameters: Parameters) -> Array:
    """Copy all weights, then all biases, into one vector, in scikit-learn's order."""
    return np.hstack([a.ravel() for a in parameters.coefs + parameters.intercepts])


def unpack(packed: Array, like: Parameters) -> Parameters:
    """View a vector as parameters of given shapes; copied only to change its type."""
    packed = packed.astype(like.coefs[0].dtype, copy=False)
    arrays = like.coefs + like.intercepts
    ends = accumulate((a.size for a in arrays), initial=0)
    parts = [
        packed[start:end].reshape(a.shape)
        for (start, end), a in zip(pairwise(ends), arrays, strict=True)
    ]
    return Parameters(parts[: len(like.coefs)], parts[len(like.coefs) :])


def run_lbfgs(
    est: "BaseMLP",
    engine: Engine,
    train: Samples,
    validation: Validation | None,
    *,
    tasks: Tasks,
    progress: Progress,
) -> None:
    """Minimize the loss of all samples and set the estimator's fitted attributes.

    Parameters
    ----------
    est : BaseMLP
    engine : Engine
        Its parameters hold the start, and in the end the solution.
    train : Samples
    validation : Validation or None
        Evaluated after each iteration.
    tasks : Tasks
        Told of each iteration's beginning and end; may stop the training.
    progress : Progress
        Told of each iteration.
    """
    objective = Objective(engine, train)
    stopped = False

    def loss_and_gradient(packed: Array) -> tuple[float, Array]:
        tasks.begin_epoch()  # an iteration begins with the first point that it tries
        return objective(packed)

    def end_iteration(intermediate_result: OptimizeResult) -> None:
        engine.assign(unpack(intermediate_result.x, engine.parameters))
        loss = float(intermediate_result.fun)
        metrics = validation.metrics(est, engine, loss) if validation else {}
        epoch = {"loss": loss, **metrics}
        count_epoch(est, epoch, {"loss_": loss})
        progress.report(est.n_iter_, epoch)
        nonlocal stopped
        stopped = tasks.end_epoch()
        if stopped:
            raise StopIteration

    resolution = np.finfo(engine.parameters.coefs[0].dtype).eps
    # BLAS threads that spin between SciPy's vector operations would take the cores from our team
    with one_blas_thread:
        result = minimize(
            loss_and_gradient,
            pack(engine.parameters),
            method="L-BFGS-B",
            jac=True,
            callback=end_iteration,
            options={
                "maxfun": est.max_fun,
                "maxiter": est.max_iter,
                "gtol": est.tol,
                # SciPy's default unless the loss cannot be told apart that finely (float32)
                "ftol": max(2.220446049250313e-09, float(resolution)),
            },
        )
    if not stopped and result.status != 0:
        warn(_not_converged(result, est.max_iter), ConvergenceWarning)
    est.loss_ = float(result.fun)
    if not np.isfinite(result.x).all() or not np.isfinite(est.loss_):
        raise ValueError(NOT_FINITE)
    engine.assign(unpack(result.x, engine.parameters))


def _not_converged(result: OptimizeResult, max_iter: int) -> str:
    """What scikit-learn says then, whose function would say it once a member of an ensemble."""
    advice = ""
    if result.nit >= max_iter:
        advice = (
            f"\nIncrease the number of iterations to improve the convergence (max_iter={max_iter})."
        )
    return (
        f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}):\n"
        f"{result.message}\n{advice}\nYou might also want to scale the data as shown in:\n"
        "    https://scikit-learn.org/stable/modules/preprocessing.html"
    )
