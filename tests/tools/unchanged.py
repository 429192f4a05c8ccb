"""Is an estimator as it was?"""

from typing import Any

import joblib


def state_of(estimator: Any) -> tuple[str, dict[str, int]]:
    """What tells whether an estimator has changed: a hash of what was fitted, and who the rest are.

    Parameters are compared by identity: not all of them can be pickled, and none is to be replaced.
    """
    own = estimator.get_params(deep=False)
    fitted = {name: value for name, value in vars(estimator).items() if name not in own}
    fitted.pop("_sound", None)  # parameters again
    return joblib.hash(fitted), {name: id(value) for name, value in own.items()}
