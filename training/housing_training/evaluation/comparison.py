"""Measuring the compiled graphs, as they are served, on the rows held out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from housing.graph import INTERVAL, PRICE, WARNINGS
from housing_training.data.rows import Prices, Rows
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.graph.model import GraphModel
from housing_training.metrics.intervals import IntervalMetrics
from housing_training.metrics.prices import Metrics

SHOWN = ("cv_rmse", "test_rmse", "test_mae", "test_mape", "test_r2")
"""Columns of the printed comparison."""


def compare(
    models: Mapping[str, GraphModel], test: pd.DataFrame, training_report: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Measure each candidate on the test rows and name the best.

    The best is the one with the least cross-validated error: choosing by the test rows would make their figures flatter
    than what new rows will see.

    Returns:
        `best`, and under `candidates` the metrics of each by name, best first.
    """
    rows, prices = rows_from_frame(test), prices_from_frame(test)
    measured = {
        name: _cross_validated(training_report[name]) | measure(model, rows, prices) for name, model in models.items()
    }
    ranking = sorted(measured, key=lambda name: measured[name]["cv_rmse"])
    return {"best": ranking[0], "candidates": {name: measured[name] for name in ranking}}


def measure(model: GraphModel, rows: Rows, prices: Prices) -> dict[str, float]:
    """Measure a graph on rows held out, shape (n, 9), with prices in USD: all that it answers, by name of figure."""
    answer = model.answer(rows)
    figures = Metrics.of(prices, answer[PRICE]).named("test")
    if INTERVAL in answer:
        figures |= IntervalMetrics.of(prices, answer[PRICE], answer[INTERVAL]).named("interval")
    if WARNINGS in answer:
        figures |= _warning_rates(model, answer[WARNINGS])
    return figures


def _warning_rates(model: GraphModel, warned: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return the share of rows that get a warning of each reason, false alarms nearly all of them."""
    reasons = np.array([each["reason"] for each in model.warnings])
    return {
        f"warning_rate_{reason.lower()}": round(float(warned[:, reasons == reason].any(axis=1).mean()), 5)
        for reason in dict.fromkeys(reasons.tolist())
    }


def render(comparison: Mapping[str, Any]) -> str:
    """Format the comparison as a table: a line for each candidate, best first."""
    table = pd.DataFrame.from_dict(comparison["candidates"], orient="index", columns=list(SHOWN))
    formats = {name: "{:.3f}".format if name.endswith(("mape", "r2")) else "{:,.0f}".format for name in SHOWN}
    return table.to_string(formatters=formats)


def _cross_validated(report: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in report.items() if name.startswith("cv_")}
