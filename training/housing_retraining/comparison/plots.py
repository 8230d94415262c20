"""Plots of candidate and champion on the rows held out."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from housing_retraining.comparison.compare import Answers, Slice
from housing_retraining.comparison.holdout import Floats, Holdout
from housing_training.data.rows import PLACE
from housing_training.geography.landmarks import BAY, COAST

_POINTS = 20_000
"""Points on a map; more would only overlap."""
_MOST_USD = 1e9
"""Longer intervals are drawn up to this."""
_CANDIDATE, _CHAMPION = "tab:blue", "tab:gray"


def predicted_vs_true(holdout: Holdout, candidate: Answers, champion: Answers) -> Figure:
    """Draw predicted against true prices of both, side by side; a perfect model is the diagonal."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    both = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, (title, answers) in zip(both, (("candidate", candidate), ("champion", champion)), strict=True):
        axes.hexbin(holdout.prices, answers.prices, gridsize=50, mincnt=1, bins="log", cmap="viridis")
        axes.axline((0, 0), slope=1, color="tab:red", linewidth=1)
        axes.set(title=title, xlabel="true price", ylabel="predicted price")
        _in_usd(axes)
        axes.yaxis.set_major_formatter(EngFormatter("USD"))
    return figure


def residuals(holdout: Holdout, candidate: Answers, champion: Answers) -> Figure:
    """Draw the distribution of the errors of both."""
    figure, axes = _canvas("Errors", "predicted less true price", "rows")
    errors = [answers.prices - holdout.prices for answers in (candidate, champion)]
    low, high = np.quantile(np.concatenate(errors), (0.005, 0.995))
    bins = np.linspace(low, high, 61)
    for values, label, colour in zip(errors, ("candidate", "champion"), (_CANDIDATE, _CHAMPION), strict=True):
        axes.hist(np.clip(values, low, high), bins=bins.tolist(), histtype="step", label=label, color=colour)
    axes.axvline(0, color="tab:red", linewidth=1)
    axes.legend(frameon=False)
    _in_usd(axes)
    return figure


def slice_differences(slices: Sequence[Slice]) -> Figure:
    """Draw the difference of the RMSEs on each slice, with its confidence interval."""
    figure = Figure(figsize=(9, 1 + 0.3 * max(1, len(slices))), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(slices))
    values = np.array([each.difference.rmse for each in slices])
    ends = np.array([(each.difference.low, each.difference.high) for each in slices]).reshape(-1, 2)
    reach = np.clip(np.abs(ends.T - values), 0, _MOST_USD)
    axes.errorbar(values, places, xerr=reach, fmt="o", color=_CANDIDATE, capsize=3)
    axes.axvline(0, color="tab:red", linewidth=1)
    axes.set_yticks(places, labels=[f"{each.by} {each.name} ({each.rows:,})" for each in slices], fontsize=8)
    axes.invert_yaxis()
    axes.set(title="RMSE by slice, candidate less champion", xlabel="below 0 the candidate is better")
    _in_usd(axes)
    return figure


def error_map(holdout: Holdout, candidate: Answers, champion: Answers) -> Figure:
    """Draw a map of where the candidate's errors are larger than the champion's, and where smaller."""
    mine, theirs = (np.abs(answers.prices - holdout.prices) for answers in (candidate, champion))
    return difference_map(holdout.rows[:, PLACE], mine - theirs, "error of the candidate less that of the champion")


def difference_map(places: Floats, differences: Floats, label: str) -> Figure:
    """Draw differences on a map of California.

    Args:
        places: longitudes and latitudes in degrees, shape (n, 2).
        differences: in USD, shape (n,).
        label: what they are.
    """
    figure, axes = _canvas("Where they differ", "longitude", "latitude")
    for shore in (COAST, BAY):
        axes.plot(*np.transpose(shore), color="tab:gray", linewidth=0.8)
    limit = float(np.quantile(np.abs(differences), 0.98)) or 1.0
    shown = slice(None, _POINTS)
    longitude, latitude = places[shown].T
    points = axes.scatter(longitude, latitude, c=differences[shown], s=6, cmap="coolwarm", vmin=-limit, vmax=limit)
    figure.colorbar(points, label=label, format=EngFormatter("USD"))
    axes.set_aspect(1.25)
    return figure


def _canvas(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=across, ylabel=up)
    return figure, axes


def _in_usd(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(EngFormatter("USD"))
    axes.spines[["top", "right"]].set_visible(False)
