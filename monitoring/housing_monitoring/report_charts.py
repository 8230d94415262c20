"""The charts of the drift report."""

import base64
from collections.abc import Sequence
from io import BytesIO

from matplotlib.figure import Figure

from housing.profile import tally
from housing.v1.model_profile_pb2 import Distribution
from housing_monitoring.comparison import Compared

_BAR = 0.4
_TRAINING, _WINDOW = "#9aa5b1", "#2458a6"


def draw(compared: Compared) -> str:
    """Draw the shares of the training rows and of the window in each bin; return the chart as a data URI."""
    distribution = compared.distribution
    figure = Figure(figsize=(6.4, 2.4), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(distribution.counts))
    for offset, counts, label, colour in (
        (-_BAR / 2, distribution.counts, "training", _TRAINING),
        (_BAR / 2, tally(distribution, compared.values), "window", _WINDOW),
    ):
        axes.bar([place + offset for place in places], _shares(counts), _BAR, label=label, color=colour)
    axes.set_xticks(places, _bin_names(distribution), rotation=0 if distribution.categories else 30, fontsize=7)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.tick_params(axis="y", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
    return _data_uri(figure)


def _shares(counts: Sequence[int]) -> list[float]:
    total = max(sum(counts), 1)
    return [count / total for count in counts]


def _bin_names(distribution: Distribution) -> list[str]:
    """Return the name of each bin: for numbers, the edge at its start or, for the first, at its end."""
    if distribution.categories:
        return list(distribution.categories)
    first, *inner, last = (f"{edge:,.6g}" for edge in distribution.edges)
    return [f"< {first}", first, *inner, f"> {last}"]


def _data_uri(figure: Figure) -> str:
    picture = BytesIO()
    figure.savefig(picture, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}"
