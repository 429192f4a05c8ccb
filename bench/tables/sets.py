"""The tables: files of a folder, and what scikit-learn ships."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn import datasets
from sklearn.model_selection import train_test_split

TARGET = "target"
SUFFIX = ".csv.gz"
TEST_SHARE = 0.2
MOST_CLASSES = 20
SHIPPED = ("breast_cancer", "diabetes", "digits")
SMALL = ("iris", "wine")  # only by name: some thirty rows of a test tell little


@dataclass(frozen=True)
class Table:
    """A frame as it was read, and its target: numbers, or classes 0, 1, ... ."""

    name: str
    X: pd.DataFrame
    y: np.ndarray[Any, Any]
    n_classes: int  # 0 of a regression

    @classmethod
    def of(cls, name: str, frame: pd.DataFrame) -> Table:
        y = frame.pop(TARGET).to_numpy()
        values = np.unique(y)
        classes = len(values) <= MOST_CLASSES and np.array_equal(values, np.arange(len(values)))
        if classes:
            return cls(name, frame, y.astype(int), len(values))
        return cls(name, frame, y.astype(float), 0)

    @property
    def categories(self) -> list[str]:
        """The columns of words."""
        return [name for name in self.X if not is_numeric_dtype(self.X[name])]

    @property
    def typed(self) -> pd.DataFrame:
        """Columns of words as pandas' categories, which the trees want, and flags as 0 and 1.

        Levels are numbered: XGBoost 3.2 misreads pandas 3's strings (nRMSE of training rows on bmw
        0.45, by numbers 0.08).
        """
        levels = {name: self.X[name].astype("category").cat for name in self.categories}
        numbered = {
            name: level.rename_categories(range(len(level.categories)))
            for name, level in levels.items()
        }
        return self.X.astype(dict.fromkeys(self.X.select_dtypes("bool"), "int8")).assign(**numbered)

    def split(self, seed: int, rows: int | None) -> tuple[np.ndarray[Any, Any], ...]:
        """Rows for training, at most `rows`, and for the test; of classes equal shares."""
        n = len(self.y)
        n_test = int(np.ceil(TEST_SHARE * n))
        n_train = min(n - n_test, rows or n)
        train, test = train_test_split(
            np.arange(n),
            train_size=n_train,
            test_size=n_test,
            stratify=self.y if self.n_classes else None,
            random_state=seed,
        )
        return train, test


def names(folder: Path | None) -> list[str]:
    """Of all tables that there are by default: the folder's, then scikit-learn's."""
    files = sorted(folder.glob("*" + SUFFIX)) if folder else []
    return [*(file.name.removesuffix(SUFFIX) for file in files), *SHIPPED]


def load(name: str, folder: Path | None) -> Table:
    """A folder's table, or scikit-learn's of this name."""
    file = folder / (name + SUFFIX) if folder else None
    if file and file.exists():
        return Table.of(name, pd.read_csv(file))
    if name in (*SHIPPED, *SMALL):
        return Table.of(name, getattr(datasets, f"load_{name}")(as_frame=True).frame)
    raise ValueError(f"there is no table {name!r}: expected one of {known(folder)}")


def known(folder: Path | None) -> str:
    return ", ".join(_unique([*names(folder), *SMALL]))


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
