"""Plots of a model's errors.

Figures are drawn without pyplot, so there is no global state and no window, and are saved without a version in their
metadata, so that the same errors give the same file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from housing.features import FEATURE_NAMES
from housing_training.data.rows import PLACE, Prices, Rows, column
from housing_training.geography.landmarks import BAY, COAST
from housing_training.graph.model import GraphModel

SHUFFLES = 3
"""How often each field is shuffled to see how much it matters."""
SEED = 42
"""Seed of the shuffles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is drawn of a model, all that it has to be run for."""

    predicted: Prices
    """Its prices of the rows in USD, shape (n,)."""
    importance: Mapping[str, float]
    """By how many USD the RMSE grows when a field is shuffled, for each field."""

    @classmethod
    def of(cls, model: GraphModel, rows: Rows, prices: Prices) -> Self:
        """Measure a model on rows that it was not trained on, shape (n, 9), with true prices in USD, shape (n,)."""
        return cls(predicted=model.predict(rows), importance=importance(model, rows, prices))


def draw_all(name: str, measured: Measured, rows: Rows, prices: Prices, folder: Path) -> None:
    """Draw a model's pictures into a folder.

    Args:
        name: the model's name, for the titles.
        measured: what the model answers.
        rows: rows that it was not trained on, shape (n, 9).
        prices: their true prices in USD, shape (n,).
        folder: where the PNG files go; created if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    predicted = measured.predicted
    figures = {
        "predicted_vs_true": predicted_vs_true(prices, predicted),
        "residuals": residuals(prices, predicted),
        "feature_importance": feature_importance(measured.importance),
        "error_map": error_map(rows, predicted - prices),
    }
    for file, figure in figures.items():
        figure.suptitle(f"{name}, {len(rows):,} rows held out", fontsize=9)
        figure.savefig(folder / f"{file}.png", dpi=100, metadata={"Software": None})


def importance(model: GraphModel, rows: Rows, prices: Prices) -> dict[str, float]:
    """Measure by how many USD the RMSE grows when a field's values are shuffled among the rows, for each field."""
    rng = np.random.default_rng(SEED)
    shuffled = [_shuffled(rows, name, rng) for name in FEATURE_NAMES for _ in range(SHUFFLES)]
    base, *errors = (_rmse(prices, predicted) for predicted in model.predict_each([rows, *shuffled]))
    by_field = np.reshape(errors, (len(FEATURE_NAMES), SHUFFLES))
    return {name: float(np.mean(each)) - base for name, each in zip(FEATURE_NAMES, by_field, strict=True)}


def predicted_vs_true(prices: Prices, predicted: Prices) -> Figure:
    """Draw predictions against true prices; a perfect model is the diagonal."""
    figure, axes = _canvas("Predicted and true prices", "true price", "predicted price")
    _density(figure, axes, prices, predicted)
    axes.axline((0, 0), slope=1, color="tab:red", linewidth=1, label="predicted as it is")
    axes.legend(loc="upper left")
    return figure


def residuals(prices: Prices, predicted: Prices) -> Figure:
    """Draw errors against predictions; a perfect model is the line at zero."""
    figure, axes = _canvas("Residuals", "predicted price", "predicted less true price")
    _density(figure, axes, predicted, predicted - prices)
    axes.axhline(0, color="tab:red", linewidth=1, label="no error")
    axes.legend(loc="upper left")
    return figure


def feature_importance(growth: Mapping[str, float]) -> Figure:
    """Draw how much the model depends on each field, the largest on top."""
    figure, axes = _canvas("Importance of the fields", "growth of the RMSE when shuffled", "")
    figure.subplots_adjust(left=0.25)
    ordered = sorted(growth, key=growth.__getitem__)
    axes.barh(range(len(ordered)), [growth[name] for name in ordered])
    axes.set_yticks(range(len(ordered)), labels=ordered)
    return figure


def error_map(rows: Rows, errors: Prices) -> Figure:
    """Draw errors on a map of California."""
    figure, axes = _canvas("Where it errs", "longitude", "latitude")
    figure.subplots_adjust(right=0.88)
    longitude, latitude = rows[:, PLACE].T
    for shore in (COAST, BAY):
        axes.plot(*np.transpose(shore), color="tab:gray", linewidth=0.8)
    limit = float(np.quantile(np.abs(errors), 0.98))
    points = axes.scatter(longitude, latitude, c=errors, s=5, cmap="coolwarm", vmin=-limit, vmax=limit)
    figure.colorbar(points, label="predicted less true price", format=EngFormatter("USD"))
    axes.xaxis.set_major_formatter("{x:.0f}°")
    axes.yaxis.set_major_formatter("{x:.0f}°")
    axes.set_aspect(1.25)
    return figure


def _density(figure: Figure, axes: Axes, across: Prices, up: Prices) -> None:
    """Draw how many rows lie where, with the scale of the colours."""
    cells = axes.hexbin(across, up, gridsize=60, mincnt=1, bins="log", cmap="viridis")
    figure.colorbar(cells, label="rows in a cell")


def _canvas(title: str, x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 6))
    # Fixed: to compute where everything fits ("constrained" layout) takes longer than to draw it.
    figure.subplots_adjust(left=0.16, right=0.93, bottom=0.1, top=0.9)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.xaxis.set_major_formatter(EngFormatter("USD"))
    axes.yaxis.set_major_formatter(EngFormatter("USD"))
    return figure, axes


def _shuffled(rows: Rows, field: str, rng: np.random.Generator) -> Rows:
    shuffled = rows.copy()
    rng.shuffle(shuffled[:, column(field)])
    return shuffled


def _rmse(prices: Prices, predicted: Prices) -> float:
    return float(np.sqrt(np.mean((predicted - prices) ** 2)))
