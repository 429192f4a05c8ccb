"""The estimators for Dask: those of one machine, fitted on a cluster."""

from __future__ import annotations

from typing import Any, ClassVar

from distributed import Client
from sklearn.utils.metaestimators import available_if

from .._estimators.classifier import MLPClassifier
from .._estimators.labels import gives_probabilities
from .._estimators.regressor import MLPRegressor
from .._estimators.sharded import CONSTRAINTS
from .._system.elsewhere import elsewhere
from ._base import DaskEstimator, with_parameters_of


class DaskMLPClassifier(DaskEstimator, MLPClassifier):
    """`MLPClassifier`, trained on a cluster by shards of the samples.

    An epoch is made up of rounds. In a round each shard trains for itself, from the same weights;
    then the mean of what they come to, by the weights of their rows, is the network of the next
    round [1]_. With one shard a fit is that of `MLPClassifier`, to the last bit.

    Parameters
    ----------
    *args, **network
        The parameters of `MLPClassifier`, under the same names, with the same defaults. Of them
        `batch_size` is a shard's, so that `alpha`, which a step divides by it, pulls as it does on
        one machine; `n_threads` is a shard's, too, and None the worker's threads divided by its
        shards. `scoring` is None or 'loss', `monitor_gradients` False, and `solver` none but
        'lbfgs'. With K shards Adam wants a higher `learning_rate_init`, up to K times.
    client : distributed.Client or None, default=None
        Of the cluster; None is the current one, or that of the task which fits. It is not pickled.
    n_shards : int or None, default=None
        Shards of the samples, at least 1, at most as many as X has partitions; None is the number
        of workers when the fit begins. Results depend on it, and on the partitions, but on no
        worker and no thread: partition i goes to shard ``i % n_shards``.
    sync_every : int, default=1000
        Mini-batches of a shard in a round, at least 1, and at most a shard's epoch.
    moments : {'average', 'reset'}, default='average'
        The optimizer's moments: averaged like the weights, or zeros in each round.
    outer_learning_rate : float, default=1.0
        How far the network goes from where the round began to the mean, above 0.
    outer_momentum : float, default=0.0
        Share of former rounds' ways in that of the present one, in [0, 1): Nesterov's [2]_.
    max_retries : int, default=3
        How often a task that raises, such as one that reads a file, is tried again; at least 0. A
        worker that is lost counts for nothing here.

    Attributes
    ----------
    n_shards_ : int
        Shards of the last fit.
    shard_sizes_ : list of int
        Their rows.
    n_rounds_ : int
        Rounds of the last fit.
    client_ : distributed.Client
        The client of the last fit; not in a pickle.
    coefs_, intercepts_ : list of ndarray
        As `MLPClassifier` has them, with all its other attributes.

    See Also
    --------
    MLPClassifier : The same on one machine, where 60,000 rows belong.

    References
    ----------
    .. [1] Stich, "Local SGD converges fast and communicates little", ICLR 2019.
    .. [2] Douillard et al., "DiLoCo: Distributed low-communication training of language models",
       arXiv:2311.08105 (2023).

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from pymlp.dask import DaskMLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> X, y = da.from_array(X / 16, chunks=(300, -1)), da.from_array(y, chunks=300)
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     clf = DaskMLPClassifier((50,), n_shards=2, max_iter=20, tol=0.1, n_iter_no_change=3,
    ...                             random_state=0)
    ...     clf = clf.fit(X, y)
    >>> clf.shard_sizes_
    [900, 897]
    >>> clf.to_local()
    MLPClassifier(hidden_layer_sizes=(50,), max_iter=20, n_iter_no_change=3,
                  random_state=0, tol=0.1)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MLPClassifier._parameter_constraints,
        **CONSTRAINTS,
    }

    @elsewhere()
    @with_parameters_of(MLPClassifier)
    def __init__(
        self,
        *args: Any,
        client: Client | None = None,
        n_shards: int | None = None,
        sync_every: int = 1000,
        moments: str = "average",
        outer_learning_rate: float = 1.0,
        outer_momentum: float = 0.0,
        max_retries: int = 3,
        **network: Any,
    ) -> None:
        given = {
            name: value for name, value in locals().items() if name not in ("self", "__class__")
        }
        self._set_all(MLPClassifier, given)

    @available_if(gives_probabilities)
    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class: of a collection lazily.

        Parameters
        ----------
        X : dask array or frame, or array-like, of shape (n_samples, n_features)

        Returns
        -------
        dask array or frame; or ndarray; or list of such
        """
        return self._answer("predict_proba", X)

    @classmethod
    def _local(cls) -> type[MLPClassifier]:
        return MLPClassifier


class DaskMLPRegressor(DaskEstimator, MLPRegressor):
    """`MLPRegressor`, trained on a cluster by shards of the samples; see `DaskMLPClassifier`.

    Parameters
    ----------
    *args, **network
        The parameters of `MLPRegressor`, under the same names, with the same defaults; what
        `DaskMLPClassifier` says of them holds here.
    client : distributed.Client or None, default=None
        Of the cluster; None is the current one, or that of the task which fits. It is not pickled.
    n_shards : int or None, default=None
        Shards of the samples; None is the number of workers when the fit begins.
    sync_every : int, default=1000
        Mini-batches of a shard in a round, at least 1, and at most a shard's epoch.
    moments : {'average', 'reset'}, default='average'
        The optimizer's moments: averaged like the weights, or zeros in each round.
    outer_learning_rate : float, default=1.0
        How far the network goes from where the round began to the mean, above 0.
    outer_momentum : float, default=0.0
        Share of former rounds' ways in that of the present one, in [0, 1).
    max_retries : int, default=3
        How often a task that raises is tried again; at least 0.

    Attributes
    ----------
    n_shards_ : int
        Shards of the last fit.
    shard_sizes_ : list of int
        Their rows.
    n_rounds_ : int
        Rounds of the last fit.
    client_ : distributed.Client
        The client of the last fit; not in a pickle.
    coefs_, intercepts_ : list of ndarray
        As `MLPRegressor` has them, with all its other attributes.

    See Also
    --------
    DaskMLPClassifier : The same for classes.
    MLPRegressor : The same on one machine.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from pymlp.dask import DaskMLPRegressor
    >>> X = da.linspace(-1, 1, 400, chunks=100).reshape(-1, 1)
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     reg = DaskMLPRegressor(hidden_layer_sizes=(20,), n_shards=2, batch_size=20,
    ...                            learning_rate_init=0.02, random_state=0)
    ...     reg = reg.fit(X, X[:, 0] ** 2)
    >>> X = X.compute()
    >>> round(reg.score(X, X.ravel() ** 2), 1)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MLPRegressor._parameter_constraints,
        **CONSTRAINTS,
    }

    @elsewhere()
    @with_parameters_of(MLPRegressor)
    def __init__(
        self,
        *args: Any,
        client: Client | None = None,
        n_shards: int | None = None,
        sync_every: int = 1000,
        moments: str = "average",
        outer_learning_rate: float = 1.0,
        outer_momentum: float = 0.0,
        max_retries: int = 3,
        **network: Any,
    ) -> None:
        given = {
            name: value for name, value in locals().items() if name not in ("self", "__class__")
        }
        self._set_all(MLPRegressor, given)

    @classmethod
    def _local(cls) -> type[MLPRegressor]:
        return MLPRegressor
