"""The models: how each takes a frame, on one thread, with the defaults of its library.

Their libraries are imported where a model is built, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pandas as pd
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

MISSING = "missing"  # a level


@dataclass(frozen=True)
class Task:
    """What a model is told of a table before its `fit`."""

    n_classes: int  # 0: a regression
    categories: list[str]
    seed: int


@dataclass(frozen=True)
class Model:
    """An estimator of `package`, and the frame that it takes."""

    name: str
    package: str
    build: Callable[[Task], Any]
    typed: bool = True  # words as pandas' categories, or as they were read
    ours: bool = False

    @property
    def missing(self) -> bool:
        return find_spec(self.package) is None


def tabular(task: Task, **options: Any) -> Any:
    import pymlp

    kind = pymlp.TabularClassifier if task.n_classes else pymlp.TabularRegressor
    return kind(random_state=task.seed, n_threads=1, **options)


def tabular_member(task: Task) -> Any:
    return tabular(task, n_estimators=1)


def pymlp_network(task: Task) -> Any:
    from pymlp import MLPClassifier, MLPRegressor

    kind = MLPClassifier if task.n_classes else MLPRegressor
    return _scaled(task, kind(random_state=task.seed, n_threads=1))


def sklearn_network(task: Task) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return _scaled(
        task, (MLPClassifier if task.n_classes else MLPRegressor)(random_state=task.seed)
    )


def _scaled(task: Task, network: Any) -> Any:
    """The network with all numbers, y among them, standardised and a column a category."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, task.categories),
    )
    model = make_pipeline(columns, network)
    return (
        model if task.n_classes else TransformedTargetRegressor(model, transformer=StandardScaler())
    )


def hist_gradient_boosting(task: Task) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if task.n_classes else HistGradientBoostingRegressor
    return kind(random_state=task.seed)


def lightgbm(task: Task) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if task.n_classes else LGBMRegressor
    return kind(random_state=task.seed, n_jobs=1, verbose=-1)


def xgboost(task: Task) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if task.n_classes else XGBRegressor
    return kind(random_state=task.seed, n_jobs=1, enable_categorical=True)


def catboost(task: Task) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    def named(X: pd.DataFrame) -> pd.DataFrame:
        """Missing words get a level: CatBoost takes missing numbers only."""
        return X.fillna(dict.fromkeys(task.categories, MISSING))

    kind = CatBoostClassifier if task.n_classes else CatBoostRegressor
    trees = kind(
        random_seed=task.seed,
        thread_count=1,
        verbose=0,
        allow_writing_files=False,
        cat_features=task.categories,
    )
    return make_pipeline(FunctionTransformer(named), trees)


def real_mlp(task: Task) -> Any:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    filled = make_column_transformer(
        (SimpleImputer(strategy="median"), make_column_selector(dtype_include="number")),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")  # NaN in numbers is refused
    common = {"random_state": task.seed, "n_threads": 1, "device": "cpu"}
    if task.n_classes:  # judged by probabilities: what its authors set for them
        kind = RealMLP_TD_Classifier(val_metric_name="cross_entropy", use_ls=False, **common)
    else:
        kind = RealMLP_TD_Regressor(**common)
    return make_pipeline(filled, kind)


MODELS = {
    model.name: model
    for model in (
        Model("pymlp", "pymlp", tabular, typed=False, ours=True),
        Model("pymlp-1", "pymlp", tabular_member, typed=False, ours=True),
        Model("pymlp-mlp", "pymlp", pymlp_network, ours=True),
        Model("hgb", "sklearn", hist_gradient_boosting),
        Model("lightgbm", "lightgbm", lightgbm),
        Model("xgboost", "xgboost", xgboost),
        Model("catboost", "catboost", catboost, typed=False),
        Model("realmlp", "pytabkit", real_mlp),
        Model("sklearn-mlp", "sklearn", sklearn_network),
    )
}
TITLES = {
    "pymlp": "pymlp's TabularClassifier and TabularRegressor",
    "pymlp-1": "the same, a single member",
    "pymlp-mlp": "pymlp's MLP behind one-hot columns and scaling, y too",
    "hgb": "scikit-learn's HistGradientBoosting",
    "realmlp": "pytabkit's RealMLP-TD",
    "sklearn-mlp": "scikit-learn's MLP, as pymlp-mlp",
}
