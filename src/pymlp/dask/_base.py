"""What both estimators for Dask do on a cluster."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, Self

from dask.base import is_dask_collection
from distributed import Client
from sklearn.base import _fit_context, clone

from .._estimators.answers import OF_FIT
from .._estimators.sharded import ShardedFit
from .._resume.checkpoint import Checkpoint, identity_in
from .._system.elsewhere import elsewhere
from . import _predict
from ._client import client_of_fit
from ._shards import DaskShards


def with_parameters_of(local: type) -> Callable[[Any], Any]:
    """Give a constructor the parameters of another, too, before its own keywords."""

    def decorated(init: Any) -> Any:
        own = signature(init).parameters
        theirs = [p for name, p in signature(local.__init__).parameters.items() if name != "self"]  # type: ignore[misc]
        keywords = [p for p in own.values() if p.kind is Parameter.KEYWORD_ONLY]
        init.__signature__ = signature(init).replace(parameters=[own["self"], *theirs, *keywords])
        return init

    return decorated


class DaskEstimator(ShardedFit, ABC):
    """What both estimators do on a cluster."""

    client: Client | None
    client_: Client

    def _set_all(self, local: type, given: dict[str, Any]) -> None:
        """Keep the arguments of a constructor: the local estimator's and our own."""
        args, network = given.pop("args"), given.pop("network")
        bound = signature(local).bind(*args, **network)
        bound.apply_defaults()
        self._set_parameters(bound.arguments | given)

    @_fit_context(prefer_skip_nested_validation=True)
    @elsewhere(**OF_FIT)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        resume: str | os.PathLike[str] | Checkpoint | None = None,
    ) -> Self:
        """Train on a cluster, from new weights or with ``warm_start`` from the present ones.

        Parameters
        ----------
        X : dask array or frame of shape (n_samples, n_features)
            Its partitions go to the shards in turn; there may be empty ones, and lengths need not
            be known. It is read once; persisted or not, the result is the same.
        y : dask array, series or frame of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets, in X's partitions. Where it has another number of partitions, as
            columns of one Parquet set may, or other chunks, rows belong together by their order.
        sample_weight : dask array or series of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        X_val : dask array or frame of shape (n_validation, n_features), default=None
            Validation set: scored after every epoch, and used by early stopping.
        y_val : dask array, series or frame, default=None
            Labels or targets of the validation set.
        sample_weight_val : dask array or series of shape (n_validation,), default=None
            Weights of the validation set.
        resume : str, path-like or Checkpoint, default=None
            File, on the client, in which the fit stores its state when an epoch or a round ends,
            and from which the same call goes on, on any number of workers, to the same bits.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If there is no client, or a parameter or the data are not valid: the message names the
            partition. The estimator is then as it was before the call.
        TypeError
            If X, y or the weights are no Dask collections.
        RuntimeError
            If data that was scattered to the cluster has been lost with its worker.
        distributed.KilledWorker
            If several workers have been lost with the same shard.
        TimeoutError
            If the cluster has no workers for five minutes.

        Warns
        -----
        ConvergenceWarning
            As the local ``fit`` gives it.
        UserWarning
            If X has fewer partitions than shards are asked for; on Ctrl-C: the last mean is the
            model then.
        RuntimeWarning
            If a worker is lost amid the fit, whose result is the same.
        """
        self._check_options()  # before anything is computed
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        if sample_weight_val is not None and X_val is None:
            raise ValueError("sample_weight_val needs X_val and y_val.")
        n_shards = self.n_shards
        if n_shards is None and isinstance(resume, (str, os.PathLike, Checkpoint)):
            known = identity_in(resume).get("n_shards_")
            n_shards = None if known is None else int(known)
        with (
            client_of_fit(self.client) as client,
            DaskShards(
                client,
                clone(self._unfitted()),
                n_shards,
                retries=self.max_retries,
                hashes=resume is not None,
            ) as shards,
        ):
            shards.read(X, y, sample_weight)
            if X_val is not None:
                shards.read_val(X_val, y_val, sample_weight_val)
            self._fit_shards(shards, resume)
            self.client_ = client
        return self

    def _unfitted(self) -> Any:
        """The local estimator with what checks go by."""
        local = self._local()
        names = ("precision", "loss")
        return local(**{name: getattr(self, name) for name in names})

    def partial_fit(self, *_: Any, **__: Any) -> Self:
        """Refuse: an epoch of a shard begins with reading it.

        Raises
        ------
        AttributeError
            Always. ``fit`` with ``warm_start='full'`` goes on for `max_iter` more epochs.
        """
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit, which would read all shards for one epoch: "
            "fit with warm_start='full' goes on for max_iter more epochs, and "
            "to_local().partial_fit trains on what is in memory."
        )

    def _answer(self, method: str, X: Any) -> Any:
        """Ask the local estimator, of a collection lazily and block by block."""
        if is_dask_collection(X):
            return getattr(_predict, method)(self.to_local(), X)
        return getattr(self.to_local(), method)(X)

    def _outputs(self, X: Any, layer: int | None = None) -> Any:
        if is_dask_collection(X):
            raise TypeError(
                "Of a Dask collection predict, predict_proba, transform and score are computed; "
                "everything else of what is in memory, such as X.map_blocks or map_partitions give."
            )
        return super()._outputs(X, layer)

    def predict(self, X: Any) -> Any:
        """Predict labels or targets: of a collection lazily, as `pymlp.dask.predict`.

        Parameters
        ----------
        X : dask array or frame, or array-like, of shape (n_samples, n_features)

        Returns
        -------
        dask array, series or frame; or ndarray
        """
        return self._answer("predict", X)

    def transform(self, X: Any) -> Any:
        """Compute the outputs of the last hidden layer: of a collection lazily.

        Parameters
        ----------
        X : dask array or frame, or array-like, of shape (n_samples, n_features)

        Returns
        -------
        dask array or frame; or ndarray
        """
        return self._answer("transform", X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the local estimator's score: of collections by `client`, if it is given.

        Parameters
        ----------
        X : dask array or frame, or array-like, of shape (n_samples, n_features)
        y : dask array, series or frame, or array-like
        sample_weight : dask array or series, or array-like, default=None

        Returns
        -------
        float
        """
        if not is_dask_collection(X):
            return float(self.to_local().score(X, y, sample_weight))
        found = _predict.score(self.to_local(), X, y, sample_weight, compute=False)
        return float(found.compute(scheduler=self.client))  # None: the current one

    def save(self, path: str | os.PathLike[str], *, optimizer: bool | None = None) -> None:
        """Write the local estimator to a safetensors file, for `pymlp.load`.

        Parameters
        ----------
        path : str or path-like
        optimizer : bool or None, default=None
            As for the local estimator.
        """
        self.to_local().save(path, optimizer=optimizer)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("client_", None)
        return state | {"client": None}

    def __sklearn_clone__(self) -> Self:
        params = {
            name: value if name == "client" else clone(value, safe=False)
            for name, value in self.get_params(deep=False).items()
        }
        made = type(self)(**params)
        for name in ("_sklearn_output_config", "_skl_callbacks"):
            if name in vars(self):
                setattr(made, name, clone(vars(self)[name], safe=False))
        return made
