"""Full-batch training with SciPy's L-BFGS-B."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from .._data.samples import Samples
from .._network.parameters import Parameters
from .._system.arrays import Array, unwatched
from .._system.messages import warn
from .._system.threads import one_blas_thread
from .engine import Engine
from .epochs import NOT_FINITE
from .fit import Fit
from .observer import Observer


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
    with unwatched():
        packed = packed.astype(like.coefs[0].dtype, copy=False)
    arrays = like.coefs + like.intercepts
    ends = accumulate((a.size for a in arrays), initial=0)
    parts = [
        packed[start:end].reshape(a.shape)
        for (start, end), a in zip(pairwise(ends), arrays, strict=True)
    ]
    return Parameters(parts[: len(like.coefs)], parts[len(like.coefs) :])


def run_lbfgs(fit: Fit, observers: Sequence[Observer]) -> None:
    """Minimize the loss of all samples.

    Parameters
    ----------
    fit : Fit
        The engine's parameters hold the start, and in the end the solution.
    observers : sequence of Observer
        Told of each iteration.
    """
    engine, records, limits = fit.engine, fit.records, fit.limits
    objective = Objective(engine, fit.train)

    def loss_and_gradient(packed: Array) -> tuple[float, Array]:
        for observer in observers:
            observer.begin_epoch(fit)  # an iteration begins with the first point that it tries
        return objective(packed)

    def end_iteration(intermediate_result: OptimizeResult) -> None:
        engine.assign(unpack(intermediate_result.x, engine.parameters))
        loss = float(intermediate_result.fun)
        metrics = fit.validation.metrics(engine, loss) if fit.validation else {}
        records.count({"loss": loss, **metrics}, {"loss": np.float64(loss)})
        stopped = [observer.end_epoch(fit) for observer in observers]
        fit.has_ended = any(stopped)
        if fit.has_ended:
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
                "maxfun": limits.max_fun,
                "maxiter": limits.max_iter,
                "gtol": limits.tol,
                # SciPy's default unless the loss cannot be told apart that finely (float32)
                "ftol": max(2.220446049250313e-09, float(resolution)),
            },
        )
    if not fit.has_ended and result.status != 0:
        warn(_not_converged(result, limits.max_iter), ConvergenceWarning)
    records.loss = np.float64(result.fun)
    if not np.isfinite(result.x).all() or not np.isfinite(records.loss):
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
