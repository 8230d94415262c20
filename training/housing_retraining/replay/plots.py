"""Plots of the differences between two versions' answers."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from housing_retraining.comparison.plots import difference_map
from housing_retraining.replay.differences import ANSWER, LATITUDE, LONGITUDE, REFERENCE
from housing_server.prediction_log.logged_requests import Floats

_BINS = 60


def draw(sample: Floats, title: str, folder: Path) -> list[Path]:
    """Draw a map and a distribution of the differences into a folder, and return the files.

    Args:
        sample: rows in the columns of `differences`.
        title: what is compared with what.
        folder: where the PNG files go.
    """
    found = sample[:, ANSWER] - sample[:, REFERENCE]
    figures = {
        "map.png": difference_map(sample[:, [LONGITUDE, LATITUDE]], found, "difference"),
        "distribution.png": _distribution(sample, found),
    }
    for name, figure in figures.items():
        figure.suptitle(title, fontsize=9)
        figure.savefig(folder / name, dpi=100, metadata={"Software": None})
    return [folder / name for name in figures]


def _distribution(sample: Floats, found: Floats) -> Figure:
    figure = Figure(figsize=(7, 7), layout="constrained")
    differences, prices = figure.subplots(2, 1)
    middle = np.quantile(found, (0.005, 0.995))
    differences.hist(np.clip(found, *middle), bins=_BINS, color="tab:blue")
    differences.axvline(0, color="tab:red", linewidth=1)
    _label(differences, "Differences (the outermost 1 % at the ends)", "answer less the one compared with")
    for column, label in ((REFERENCE, "compared with"), (ANSWER, "replayed")):
        prices.hist(sample[:, column], bins=_BINS, histtype="step", label=label)
    prices.legend(frameon=False)
    _label(prices, "Answers", "price")
    return figure


def _label(axes: Axes, title: str, across: str) -> None:
    axes.set(title=title, xlabel=across, ylabel="requests")
    axes.xaxis.set_major_formatter(EngFormatter("USD"))
    axes.spines[["top", "right"]].set_visible(False)
