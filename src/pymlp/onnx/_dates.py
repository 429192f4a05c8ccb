"""Dates in an ONNX graph: their parts, by a calendar of divisions, since ONNX has no dates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..preprocessing._columns import HOUR, MONDAY, Dates
from ..preprocessing._reading import DAY
from ._graph import Graph

SECOND = 1_000_000  # microseconds
# Days, of years that begin in March, so that a leap day is the last one
MARCH_0 = 719_468  # from the first of March of the year 0 to 1970
OF_400_YEARS = 146_097


class Value(NamedTuple):
    """Numbers in float64 in a graph, which has the operations that are written with them."""

    graph: Graph
    name: str

    def _by(self, op: str, other: Value | float) -> Value:
        given = other.name if isinstance(other, Value) else np.array([float(other)])
        return Value(self.graph, self.graph.node(op, self.name, given))

    def plus(self, other: Value | float) -> Value:
        """Sum."""
        return self._by("Add", other)

    def minus(self, other: Value | float) -> Value:
        """Difference."""
        return self._by("Sub", other)

    def times(self, number: float) -> Value:
        """Product."""
        return self._by("Mul", number)

    def over(self, number: float) -> Value:
        """Quotient."""
        return self._by("Div", number)

    def whole(self, number: float) -> Value:
        """Quotient, rounded down."""
        return Value(self.graph, self.graph.node("Floor", self.over(number).name))

    def rest(self, number: float) -> Value:
        """What the rounded quotient leaves, from 0 to below the number."""
        return self.minus(self.whole(number).times(number))


def add_parts(graph: Graph, dates: Dates, seconds: str) -> list[str]:
    """Add the parts of dates, which are seconds since 1970, as `Dates.raw` has them.

    Whole microseconds are exact until the year 2255.
    """
    time = Value(graph, graph.node("Round", Value(graph, seconds).times(SECOND).name))
    day = time.whole(DAY)
    year, month = _year_and_month(day)
    parts = {
        "days": time.minus(dates.start).over(DAY),
        "year": year,
        "month": month,
        "weekday": day.plus(MONDAY).rest(7),
        "hour": time.rest(DAY).whole(HOUR),
    }
    return [parts[part].name for part in dates.parts]


def _year_and_month(day: Value) -> tuple[Value, Value]:
    """The Gregorian calendar's, of days since 1970."""
    since = day.plus(MARCH_0)
    in_era = since.rest(OF_400_YEARS)
    without_leap_days = (
        in_era.minus(in_era.whole(4 * 365))
        .plus(in_era.whole(OF_400_YEARS // 4))
        .minus(in_era.whole(OF_400_YEARS - 1))
    )
    year = without_leap_days.whole(365)  # of the 400
    in_year = in_era.minus(year.times(365)).minus(year.whole(4)).plus(year.whole(100))
    month = in_year.times(5).plus(2).whole(153)  # from March: 31 30 31 30 31, 153 days, and again
    years = year.plus(since.whole(OF_400_YEARS).times(400)).plus(month.whole(10))
    return years, month.plus(2).rest(12).plus(1)
