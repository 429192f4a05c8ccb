"""scikit-learn's own checks for every estimator."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from pymlp import MLPClassifier, MLPRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MLPClassifier(max_iter=30), MLPRegressor(max_iter=30)])
def test_common_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
