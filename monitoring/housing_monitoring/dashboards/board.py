"""What a dashboard shows, in the terms of who reads it; `grafana.py` puts it into Grafana's."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where values stop being good; with `red` under `orange` it is the low ones that are bad."""

    orange: float
    """From here on they are to be watched."""
    red: float
    """From here on something is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    title: str
    """What it is called."""
    description: str
    """What it tells, in a sentence."""
    unit: str = "short"
    """Grafana's name of the unit."""
    decimals: int | None = None
    """How many decimals are shown; None leaves it to Grafana."""
    limits: Limits | None = None
    """How values are coloured; None for no meaning of colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(_Panel):
    """One figure, a quarter of the width."""

    query: str
    """What finds one value, now."""
    legend: str = ""
    """Shown in the place of the value where it is given; holds labels, as in `version {{model_version}}`."""
    up_or_down: bool = False
    """Whether 1 is shown as up, and 0 as down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(_Panel):
    """Lines through time."""

    series: tuple[tuple[str, str], ...]
    """Legends, which may hold labels, and queries."""
    from_zero: bool = True
    """Whether the scale begins at 0."""
    wide: bool = False
    """Whether it takes the whole width, and not half of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(_Panel):
    """Bars, one for each series that is found, half the width."""

    query: str
    """What finds the values, now."""
    legend: str
    """Names a bar by its labels."""
    buckets: bool = False
    """Whether the series are the buckets of a histogram, each of which holds those below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap(_Panel):
    """The buckets of a histogram through time, half the width."""

    query: str
    """What finds the buckets, by the label `le`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(_Panel):
    """California with a circle for each series, half the width."""

    query: str
    """What finds the values that size the circles, now, by the labels `latitude` and `longitude`, in degrees."""


Panel: TypeAlias = Figure | Lines | Bars | Heatmap | Map
"""Anything that a dashboard shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels that belong together."""

    title: str
    """What they are about."""
    panels: tuple[Panel, ...]
    """From left to right, and on in the next line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that is marked on all lines through time."""

    name: str
    """What it is called; people may hide events by it."""
    query: str
    """Finds something at the moments when it happens."""
    text: str
    """What the mark says; may hold labels, as in `{{instance}}`."""
    color: str
    """Grafana's name of the mark's colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard."""

    uid: str
    """Names the dashboard in Grafana's addresses, and its file."""
    title: str
    """What it is called."""
    description: str
    """What it tells, in a sentence."""
    rows: tuple[Row, ...]
    """From top to bottom."""

    @property
    def file(self) -> str:
        """Name of the file that Grafana reads."""
        return f"{self.uid}.json"
