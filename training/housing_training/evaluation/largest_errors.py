"""The rows that a graph errs most on, beside what another graph answers: where one figure for all rows is no help."""

from dataclasses import dataclass

import numpy as np

from housing.graph import INTERVAL, PRICE
from housing_training.data.rows import Prices, Rows, column
from housing_training.graph.model import GraphModel

COUNT = 20
"""How many errors are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestError:
    """A row that was held out; prices in USD."""

    longitude: float
    """Degrees."""
    latitude: float
    """Degrees."""
    true: float
    """The true price."""
    answered: float
    """The price that was answered."""
    teachers: float
    """The price that the teacher answers."""
    held: bool
    """Whether the interval holds the true price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargestErrors:
    """The largest errors of a graph and of its teacher; in USD."""

    rows: tuple[LargestError, ...]
    """The rows that the graph errs most on, the worst first."""
    mean: float
    """Mean absolute error of these rows."""
    teachers_there: float
    """The teacher's mean absolute error of the same rows."""
    teachers_own: float
    """The teacher's mean absolute error of the rows that it errs most on itself."""

    @classmethod
    def of(cls, graph: GraphModel, teacher: GraphModel, rows: Rows, prices: Prices) -> "LargestErrors":
        """Ask a graph that answers intervals, and its teacher, about rows, shape (n, 9), with prices, shape (n,)."""
        answer, teachers = graph.answer(rows), teacher.predict(rows)
        errors, others = np.abs(answer[PRICE] - prices), np.abs(teachers - prices)
        low, high = answer[INTERVAL].T
        worst = np.argsort(-errors, kind="stable")[:COUNT]
        return cls(
            rows=tuple(
                LargestError(
                    longitude=float(rows[row, column("longitude")]),
                    latitude=float(rows[row, column("latitude")]),
                    true=float(prices[row]),
                    answered=round(float(answer[PRICE][row]), 2),
                    teachers=round(float(teachers[row]), 2),
                    held=bool(low[row] <= prices[row] <= high[row]),
                )
                for row in worst
            ),
            mean=round(float(errors[worst].mean()), 2),
            teachers_there=round(float(others[worst].mean()), 2),
            teachers_own=round(float(np.sort(others)[-COUNT:].mean()), 2),
        )
