"""The kinds of panels that the dashboards have, drawn with matplotlib."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from demo.units import written
from observability import Found

BACKGROUND, TEXT = "#111217", "#ccccdc"
_PANEL, _LINES = "#181b1f", "#2c3235"
_COLOURS = (
    "#73bf69",
    "#f2cc0c",
    "#5794f2",
    "#ff9830",
    "#f2495c",
    "#b877d9",
    "#8ab8ff",
    "#96d98d",
    "#ffb357",
    "#c4162a",
)
_LEGENDS = 8
_SHOWN_BARS = 18
_LINE_WIDTH = 300
"""Points of a line in the narrowest panel, divided by the width of a character of one point."""

Series = Sequence[tuple[str, Found]]
Panel = Mapping[str, Any]
"""A panel, as the dashboard's file has it."""


def draw_panel(axes: Axes, panel: Panel, found: Series) -> None:
    """Draw a panel.

    Args:
        axes: where.
        panel: as the dashboard's file has it.
        found: what its queries have found, each with its legend.
    """
    axes.set_facecolor(_PANEL)
    axes.tick_params(colors=TEXT, labelsize=7, length=0)
    axes.grid(visible=True, color=_LINES, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_color(_LINES)
    shown = [(legend, each) for legend, each in found if each.values]
    if shown:
        _KINDS[panel["type"]](axes, shown, panel)
    else:
        _write(axes, _defaults(panel).get("noValue", "No data"), 10, _LINES)


def _defaults(panel: Panel) -> Mapping[str, Any]:
    found: Mapping[str, Any] = panel.get("fieldConfig", {}).get("defaults", {})
    return found


def _unit(panel: Panel) -> str | None:
    unit: str | None = _defaults(panel).get("unit")
    return unit


def _write(axes: Axes, text: str, size: float, colour: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, color=colour, fontsize=size, ha="center", va="center", transform=axes.transAxes)


def _stat(axes: Axes, found: Series, panel: Panel) -> None:
    """The last value, large; with its name where there are several, and the name alone where the panel says so."""
    names, values = [legend for legend, _ in found], [_value(each.values[-1], panel) for _, each in found]
    if panel.get("options", {}).get("textMode") == "name":
        lines = [line for name in names for line in name.replace(", ", ",\n").splitlines()]
    elif len(found) > 1:
        lines = [f"{name}: {value}" for name, value in zip(names, values, strict=True)]
    else:
        lines = values
    _write(axes, "\n".join(lines), min(24 if lines == values else 11, _LINE_WIDTH / max(map(len, lines))), _COLOURS[0])


def _value(value: float, panel: Panel) -> str:
    """Return a value as the panel shows it: as a word, where it maps values to words."""
    words = {
        key: word["text"] for each in _defaults(panel).get("mappings", ()) for key, word in each["options"].items()
    }
    return words.get(f"{value:g}") or written(value, _unit(panel))


def _timeseries(axes: Axes, found: Series, panel: Panel) -> None:
    """A line for each series."""
    for number, (legend, each) in enumerate(found):
        colour = _COLOURS[number % len(_COLOURS)]
        axes.plot(each.times, each.values, color=colour, linewidth=1.2, label=legend if number < _LEGENDS else None)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, _unit(panel))))
    if any(legend for legend, _ in found):
        axes.legend(fontsize=6.5, labelcolor=TEXT, facecolor=_PANEL, edgecolor=_LINES, framealpha=0.8, loc="best")


def _bars(axes: Axes, found: Series, panel: Panel) -> None:
    """A bar for each series, the names at the left."""
    bars = _apart(found) if "le" in found[0][1].labels else [(legend, each.values[-1]) for legend, each in found]
    bars = [*reversed(bars[:_SHOWN_BARS])]
    values = [value for _, value in bars]
    axes.barh(range(len(bars)), values, color=_COLOURS[2], height=0.7)
    axes.set_axis_off()
    axes.set_xlim(-0.45 * max(*values, 1e-9), 1.15 * max(*values, 1e-9))
    for place, (name, value) in enumerate(bars):
        axes.text(0, place, f"{name} ", color=TEXT, fontsize=7, ha="right", va="center")
        axes.text(value, place, f" {written(value, _unit(panel))}", color=TEXT, fontsize=7, va="center")


def _bound(text: str) -> float:
    return math.inf if text == "+Inf" else float(text)


def _apart(found: Series) -> list[tuple[str, float]]:
    """Return how many are in each bucket: Prometheus counts what is in it or below."""
    ends = sorted((_bound(each.labels["le"]), each.values[-1]) for _, each in found)
    return [(f"{end:,.0f}", max(0.0, count - below)) for (_, below), (end, count) in pairwise([(0.0, 0.0), *ends])]


def _heatmap(axes: Axes, found: Series, panel: Panel) -> None:
    """Buckets over time, the fuller the brighter."""
    ordered = sorted((each for _, each in found), key=lambda each: _bound(each.labels["le"]))
    times = ordered[-1].times
    counts = [dict(zip(each.times, each.values, strict=True)) for each in ordered]
    cells = [
        [max(0.0, above.get(at, 0.0) - below.get(at, 0.0)) ** 0.5 for at in times]
        for below, above in pairwise([{}, *counts])
    ]
    axes.pcolormesh(times, range(len(cells)), cells, cmap="inferno")
    ends = [_bound(each.labels["le"]) for each in ordered]
    marks = range(0, len(ends), max(1, len(ends) // 6))
    axes.set_yticks(marks, ["more" if math.isinf(ends[mark]) else written(ends[mark], _unit(panel)) for mark in marks])
    axes.grid(visible=False)


def _places(axes: Axes, found: Series, _: Panel) -> None:
    """A dot for each cell of the map, the larger the more."""
    largest = max(each.values[-1] for _, each in found)
    axes.scatter(
        [float(each.labels["longitude"]) for _, each in found],
        [float(each.labels["latitude"]) for _, each in found],
        s=[4 + 220 * each.values[-1] / max(largest, 1) for _, each in found],
        color=_COLOURS[0],
        alpha=0.6,
    )
    axes.set(xlim=(-125.5, -113), ylim=(32, 42.5), aspect=1.2)


_KINDS: dict[str, Callable[[Axes, Series, Panel], None]] = {
    "stat": _stat,
    "timeseries": _timeseries,
    "bargauge": _bars,
    "heatmap": _heatmap,
    "geomap": _places,
}
