"""scikit-learn's own checks for a transformer, none of them expected to fail."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_get_feature_names_out_error,
    check_param_validation,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from pymlp.preprocessing import TableEncoder


@parametrize_with_checks([TableEncoder(), TableEncoder(dtype="float64")])
def test_common_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_get_feature_names_out_error,
        check_param_validation,
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_set_output_transform_polars,
        check_transformer_get_feature_names_out,
        check_transformer_get_feature_names_out_pandas,
    ],
    ids=lambda check: check.__name__,
)
def test_checks_of_scikit_learns_own_estimators(check: Callable[[str, Any], None]) -> None:
    with warnings.catch_warnings():  # they fit arrays and transform frames
        warnings.filterwarnings("ignore", "X (has|does not have valid) feature names")
        check("TableEncoder", TableEncoder())
