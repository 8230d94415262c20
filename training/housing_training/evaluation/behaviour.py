"""How a graph's answers change when a request changes, which one figure of accuracy does not show."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from housing.graph import INTERVAL, PRICE
from housing_training.data.rows import Prices, Rows, column, replaced
from housing_training.graph.model import GraphModel
from housing_training.metrics.prices import Metrics

INCOMES = np.arange(0.5, 15.01, 0.25)
"""Incomes that each row is priced at, in tens of thousands of USD a year."""
FALL_USD = 1_000.0
"""Smaller falls are not counted."""
STEP_DEGREES = 0.01
"""Width of a cell in the table of places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How answers to rows held out change; prices in USD."""

    rmse_without_bedrooms: float
    """Root mean squared error when bedrooms are left out."""
    coverage_without_bedrooms: float
    """Share of the true prices that intervals then hold."""
    falls: float
    """Share of the rows whose price falls by more than `FALL_USD` at some step of `INCOMES`."""
    largest_fall: float
    """The largest fall of any row."""
    median_step: float
    """By how much a step to the next cell moves a price, at the median."""
    largest_step: float
    """By how much it does at most."""
    rmse_of_known: float
    """Root mean squared error of the rows trained on."""
    coverage_of_known: float
    """Share of their prices that intervals hold."""

    @classmethod
    def of(cls, graph: GraphModel, test: tuple[Rows, Prices], train: tuple[Rows, Prices]) -> Self:
        """Measure a graph that answers intervals.

        Args:
            graph: the graph.
            test: rows held out, shape (n, 9), and their prices in USD, shape (n,).
            train: the same of those it was trained on.
        """
        rows, prices = test
        without, coverage = _measure(graph, replaced(rows, total_bedrooms=np.nan), prices)
        along = np.stack(graph.predict_each(replaced(rows, median_income=income) for income in INCOMES))
        falls = np.maximum(-np.diff(along, axis=0), 0).max(axis=0)
        moved = replaced(rows, longitude=rows[:, column("longitude")] + STEP_DEGREES)
        steps = np.abs(graph.predict(moved) - graph.predict(rows))
        rmse_of_known, coverage_of_known = _measure(graph, *train)
        return cls(
            rmse_without_bedrooms=without,
            coverage_without_bedrooms=coverage,
            falls=round(float(np.mean(falls > FALL_USD)), 5),
            largest_fall=round(float(falls.max()), 2),
            median_step=round(float(np.median(steps)), 2),
            largest_step=round(float(steps.max()), 2),
            rmse_of_known=rmse_of_known,
            coverage_of_known=coverage_of_known,
        )


def _measure(graph: GraphModel, rows: Rows, prices: Prices) -> tuple[float, float]:
    answer = graph.answer(rows)
    low, high = answer[INTERVAL].T
    return Metrics.of(prices, answer[PRICE]).rmse, round(float(np.mean((low <= prices) & (prices <= high))), 5)
