"""scikit-learn's own checks for every estimator; one is expected to fail, of two of them."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    parametrize_with_checks,
)

from pymlp import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
)

SOLVERS: list[dict[str, Any]] = [
    {"solver": "sgd", "learning_rate_init": 0.05},  # so that 30 epochs learn enough
    {"solver": "adam"},
    {"solver": "lbfgs"},
]
ESTIMATORS = [
    estimator(max_iter=30, **solver)
    for estimator in (MLPClassifier, MLPRegressor)
    for solver in SOLVERS
] + [
    MLPEnsembleClassifier(MLPClassifier(max_iter=30, **SOLVERS[0]), n_estimators=2),
    MLPEnsembleRegressor(MLPRegressor(max_iter=30, **SOLVERS[0]), n_estimators=2),
    TabularClassifier(16, n_estimators=2, max_iter=30),
    TabularRegressor(16, n_estimators=2, max_iter=30),
]

# few epochs; lbfgs on data that are not scaled
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def expected_failures(estimator: Any) -> dict[str, str]:
    """Checks that an estimator need not pass, and why."""
    if isinstance(estimator, TabularClassifier | TabularRegressor):
        reason = (
            "as of HistGradientBoosting: edges are quantiles of rows, and rows are held out by "
            "their number, whatever they weigh"
        )
        return {"check_sample_weight_equivalence_on_dense_data": reason}
    return {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_common_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
        check_param_validation,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_of_scikit_learns_own_estimators(
    check: Callable[[str, Any], None], estimator: Any
) -> None:
    check(type(estimator).__name__, estimator)
