"""Ensembles over a cluster: each member is a task."""

from __future__ import annotations

import warnings
from typing import Any
from uuid import uuid4

from dask.base import tokenize
from dask.delayed import delayed
from distributed import Client, Future

from .._data.samples import Given
from .._data.streamed import Streamed
from .._estimators.ensemble_base import Ensemble
from .._estimators.ensemble_parts import adopt_members, fit_member, to_be_sent
from .._estimators.inputs import given_validation_set
from ._client import client_of_fit


def fit(
    ensemble: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    client: Client | None = None,
) -> Any:
    """Fit an ensemble whose members are trained on the workers of a cluster.

    Each member is a task, with the bits that it has in a local ``fit``. A worker that is lost
    costs the members that it was training, which others train again. A worker holds all rows.

    Parameters
    ----------
    ensemble : object
        `MLPEnsembleClassifier`, `MLPEnsembleRegressor`, `TabularClassifier` or `TabularRegressor`;
        it is fitted in place. A member is trained on one thread, unless the ensemble has
        `n_threads`.
    X : dask array or frame, or what ``fit`` takes
        Training data.
    y : dask array, series or frame, or what ``fit`` takes
        Labels or targets, which belong to X by their order, not by their partitions.
    sample_weight : dask array or series, or what ``fit`` takes, default=None
        Weights.
    X_val, y_val, sample_weight_val : dask collections, or what ``fit`` takes, default=None
        A validation set.
    client : distributed.Client or None, default=None
        None is the current one.

    Returns
    -------
    object
        The ensemble.

    Raises
    ------
    TypeError
        If it is no ensemble, or X is `Streamed`.
    ValueError
        If there is no client, or it is an asynchronous one, or as ``fit`` raises it. The ensemble
        is then as it was.
    distributed.KilledWorker
        If several workers were lost in training one member: mostly for want of memory.

    Warns
    -----
    ConvergenceWarning
        What members warn of, once for all, with the number of members.
    UserWarning
        If Ctrl-C ended it: those members are kept that were complete. If there is none the
        KeyboardInterrupt goes on.

    Notes
    -----
    Callbacks of the members are called on the workers, on copies.

    Examples
    --------
    >>> from distributed import Client
    >>> from sklearn.datasets import load_iris
    >>> import pymlp.dask
    >>> X, y = load_iris(return_X_y=True)
    >>> net = pymlp.MLPClassifier((20,), max_iter=20, tol=0.1, n_iter_no_change=3)
    >>> clf = pymlp.MLPEnsembleClassifier(net, n_estimators=4, random_state=0)
    >>> with Client(n_workers=2, processes=False, dashboard_address=None) as client:
    ...     clf = pymlp.dask.fit(clf, X, y, client=client)
    >>> len(clf.estimators_)
    4
    """
    if not isinstance(ensemble, Ensemble):
        raise TypeError(
            "pymlp.dask.fit trains ensembles, a member a task, such as MLPEnsembleClassifier or "
            f"TabularRegressor. Got {ensemble!r}."
        )
    if isinstance(X, Streamed):
        raise TypeError("X must be a collection or an array: a Streamed one is for a local fit.")
    given = (X, y, sample_weight)
    given_val = given_validation_set(X_val, y_val, sample_weight_val)
    sent = to_be_sent(ensemble)
    with client_of_fit(client) as cluster:
        rows = delayed(Given)(*given, dask_key_name=f"pymlp-rows-{tokenize(given)}")
        rows_val = None
        if given_val is not None:
            key = f"pymlp-rows-{tokenize(given_val)}"
            rows_val = delayed(Given)(*given_val, dask_key_name=key)
        name = f"pymlp-member-{uuid4().hex}"  # this fit's own
        members = [
            delayed(fit_member)(sent, k, rows, rows_val, dask_key_name=f"{name}-{k}")
            for k in range(sent.n_estimators)
        ]
        with warnings.catch_warnings():
            # rows in memory have to be sent, by tasks: what is scattered is lost with its worker
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            futures = cluster.compute(members)
        adopt_members(ensemble, _results(cluster, futures))
    return ensemble


def _results(client: Client, futures: list[Future[Any]]) -> list[Any]:
    """Wait for what the futures hold, or what Ctrl-C leaves of it."""
    try:
        return list(client.gather(futures))
    except KeyboardInterrupt:
        complete = [future for future in futures if future.status == "finished"]
        if not complete:
            raise
        return list(client.gather(complete))
    finally:
        client.cancel(futures)
