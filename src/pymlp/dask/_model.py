"""A fitted estimator as one task of a graph."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle  # Dask requires it
from dask.base import tokenize
from dask.delayed import delayed

from .._estimators.fitted import predictor_of

PART_BYTES = 10_000_000  # of a task: the scheduler passes each on as one message


def token_of(estimator: Any) -> str:
    """Hash of all that predictions depend on: the same of equal models, whenever they were fitted.

    Parameters
    ----------
    estimator : object
        Fitted.
    """
    networks, target = predictor_of(estimator)
    encoder = getattr(estimator, "encoder_", None)
    of_table = [getattr(estimator, name, None) for name in ("target_mean_", "target_scale_")]
    token: str = tokenize(
        f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        [(n.coefs, n.intercepts, *n[2:]) for n in networks],
        (type(target).__name__, target.to_data()),
        None if encoder is None else encoder.to_data(),
        of_table,
        getattr(estimator, "feature_names_in_", None),
    )
    return token


def as_task(estimator: Any) -> Any:
    """The estimator, as it is now, as a task on which those of all blocks depend.

    Parameters
    ----------
    estimator : object
        Fitted.

    Returns
    -------
    Delayed
    """
    name = f"pymlp-model-{token_of(estimator)}"
    data = cloudpickle.dumps(estimator)  # of equal models not always the same
    parts = [data[first : first + PART_BYTES] for first in range(0, len(data), PART_BYTES)]
    tasks = [delayed(part, name=f"{name}-{tokenize(part)}", traverse=False) for part in parts]
    return delayed(_unpickled)(*tasks, dask_key_name=name)


def _unpickled(*parts: bytes) -> Any:
    return pickle.loads(b"".join(parts))
