"""What a fit counts and measures, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from .._files.values import decoded, encoded
from .._system.arrays import Array

# attributes of an estimator, and so names in files: numbers, and lists with one an epoch
COUNTS = ("n_iter_", "t_", "n_averaged_", "best_epoch_", "_no_improvement_count")
MEASURES = ("loss_", "best_loss_", "best_validation_score_")
LISTS = ("loss_curve_", "validation_scores_")
LOSSES = ("loss_", "best_loss_")  # of scikit-learn's type, float64, as are the curve's
ATTRIBUTES = {name: name.strip("_") for name in (*COUNTS, *MEASURES, *LISTS, "history_", "_goal")}
ATTRIBUTE_OF = {f: name for name, f in ATTRIBUTES.items()}
# those that are there, None or not, wherever a fit follows a goal
FOLLOWED = ("best_loss_", "best_validation_score_", "validation_scores_", "_no_improvement_count")


class Goal(NamedTuple):
    """What decides whether training goes on: a column of ``history_``.

    Parameters
    ----------
    column : str
    sign : {1, -1}
        1 if more of it is better, -1 if less.
    """

    column: str
    sign: int


@dataclass
class Records:
    """The numbers of a fit, by the names of an estimator's attributes without their underscores.

    None is what a fit does not have: 'lbfgs' has no goal, and without early stopping there is no
    validation score.

    Parameters
    ----------
    history : dict of str to list of float
        Columns with a value an epoch, of this fit and those that it goes on from.
    n_iter : int
        Epochs of this fit that have been counted.
    t : int
        Samples passed, of all fits.
    goal : Goal or None
        What the fit follows.

    Attributes
    ----------
    row : dict of str to float
        What the last epoch had of the history.
    counted : dict of str to any
        The numbers that have changed with it.
    """

    history: dict[str, list[float]] = field(default_factory=dict)
    n_iter: int = 0
    t: int = 0
    loss: float | None = None
    loss_curve: list[float] | None = None
    n_averaged: int | None = None
    goal: Goal | None = None
    no_improvement_count: int = 0
    best_loss: float | None = None
    best_validation_score: float | None = None
    validation_scores: list[float] | None = None
    best_epoch: int | None = None
    row: dict[str, float] = field(init=False, default_factory=dict)
    counted: dict[str, Any] = field(init=False, default_factory=dict)
    _before: list[int] = field(init=False, default_factory=list)

    @classmethod
    def of_attributes(cls, attributes: dict[str, Any]) -> Self:
        """Copy what an estimator knows of its last fit; lists that grow are new ones."""
        values = {f: attributes[name] for name, f in ATTRIBUTES.items() if name in attributes}
        values["history"] = {name: list(c) for name, c in values.get("history", {}).items()}
        for name in ("loss_curve", "validation_scores"):
            if values.get(name) is not None:
                values[name] = list(values[name])
        return cls(**values)

    def attributes(self) -> dict[str, Any]:
        """What an estimator publishes: the lists themselves, and the numbers."""
        own = self.__dict__
        found = {name: own[f] for name, f in ATTRIBUTES.items() if own[f] is not None}
        if self.goal is None:
            found.pop("_no_improvement_count", None)
        else:
            found |= {name: own[ATTRIBUTES[name]] for name in FOLLOWED}
        return found

    def follow(self, goal: Goal, *, early_stopping: bool) -> None:
        """Begin to compare epochs anew, by this goal."""
        self.goal = goal
        self.best_epoch = None  # another goal's
        self.no_improvement_count = 0
        self.best_loss = None if early_stopping else np.inf
        self.validation_scores = [] if early_stopping else None
        self.best_validation_score = -goal.sign * np.inf if early_stopping else None

    # --- the epochs of a fit ---------------------------------------------------------------------

    def begin(self) -> None:
        """Remember how many epochs before this fit each list has, of which `n_iter` are its own."""
        self._before = [
            max((len(column) for column in columns), default=self.n_iter) - self.n_iter
            for columns in self._columns()
        ]

    def count(self, row: dict[str, float], counted: dict[str, Any]) -> None:
        """Add a row to the history, nan where an epoch had no such value, and count the epoch.

        Parameters
        ----------
        row : dict of str to float
        counted : dict of str to any
            Our attributes that change with it.
        """
        if not row.keys() <= self.history.keys():  # a fit's first epoch
            before = max(map(len, self.history.values()), default=0)
            for name in row:
                self.history.setdefault(name, [np.nan] * before)
        for name, column in self.history.items():
            column.append(row.get(name, np.nan))
        counted["n_iter"] = self.n_iter + 1
        # at once, whenever an interrupt comes; `drop_uncounted` mends the lists
        self.__dict__.update(counted, row=row, counted=counted)

    def drop_uncounted(self) -> None:
        """Drop from the lists what an interrupt kept from being counted."""
        for columns, before in zip(self._columns(), self._before, strict=True):
            for column in columns:
                del column[before + self.n_iter :]

    def _columns(self) -> list[list[list[float]]]:
        return [
            list(self.history.values()),
            [self.loss_curve or []],
            [self.validation_scores or []],
        ]

    # --- files -----------------------------------------------------------------------------------

    def to_data(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Tell all as JSON and arrays; `from_data` is the way back."""
        values = self.attributes()
        data: dict[str, Any] = {
            "counts": {name: int(values[name]) for name in COUNTS if name in values},
            "measures": {
                name: None if values[name] is None else encoded(float(values[name]))
                for name in MEASURES
                if name in values
            },
            "history": list(self.history),  # the order of the columns
        }
        if self.goal is not None:
            data["goal"] = [*self.goal]
        lists = {name: values.get(name) for name in LISTS}
        arrays = {name: _array(name, v) for name, v in lists.items() if v is not None}
        for name, column in self.history.items():
            arrays[f"history_.{name}"] = _array(f"history_[{name!r}]", column)
        return data, arrays

    @classmethod
    def from_data(cls, data: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Read what `to_data` has told, which may be anybody's; the arrays are taken out."""
        values: dict[str, Any] = {}
        for name, count in data["counts"].items():
            if name not in COUNTS or type(count) is not int or not 0 <= count < 2**53:
                raise ValueError(f"it counts {name!r}: {count!r}")
            values[name] = count
        for name, value in data["measures"].items():
            measure = decoded(value)
            if name not in MEASURES or not (measure is None or type(measure) is float):
                raise ValueError(f"it measures {name!r}: {measure!r}")
            values[name] = (
                np.float64(measure) if name in LOSSES and measure is not None else measure
            )
        needed = ["n_iter_", "t_"]
        if "goal" in data:
            column, sign = data["goal"]
            if not isinstance(column, str) or sign not in (1, -1):
                raise ValueError(f"it follows {data['goal']!r}")
            values["_goal"] = Goal(column, sign)
            needed += ["_no_improvement_count", "best_loss_", "best_validation_score_"]
        missing = [name for name in needed if name not in values]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        columns = data["history"]
        if not all(type(name) is str for name in columns):
            raise ValueError(f"it has a history of {columns!r}")
        values["history_"] = {name: _list(arrays, f"history_.{name}") for name in columns}
        for name in LISTS:
            if name in arrays:
                values[name] = _list(arrays, name)
        if "loss_curve_" in values:
            values["loss_curve_"] = [*map(np.float64, values["loss_curve_"])]
        return cls.of_attributes(values)


def _array(name: str, values: Any) -> Array:
    record = np.asarray(values)
    if record.ndim != 1 or record.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be a list of numbers to be saved. Got {values!r}.")
    return record.astype(np.float64)


def _list(arrays: dict[str, Array], name: str) -> list[float]:
    record = arrays.pop(name)
    if record.ndim != 1 or record.dtype != np.float64:
        raise ValueError(f"{name} is of {record.dtype} and the shape {record.shape}")
    values: list[float] = record.tolist()
    return values
