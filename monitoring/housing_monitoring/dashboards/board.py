"""The content of a dashboard, independent of Grafana; `grafana.py` renders it."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Thresholds of a value; with `red` below `orange`, low values are bad."""

    orange: float
    """The value from which to watch."""
    red: float
    """The value from which to act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    title: str
    description: str
    """What it shows, in a sentence."""
    unit: str = "short"
    """Grafana's name of the unit."""
    decimals: int | None = None
    """Number of decimals; None for Grafana's default."""
    limits: Limits | None = None
    """Thresholds for colours; None for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(_Panel):
    """A single figure, a quarter of the width."""

    query: str
    """Query of the current value."""
    legend: str = ""
    """Shown instead of the value if set; may contain labels, as in `version {{model_version}}`."""
    up_or_down: bool = False
    """Whether to show 1 as up, and 0 as down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(_Panel):
    """Time series."""

    series: tuple[tuple[str, str], ...]
    """Legends, which may contain labels, and queries."""
    from_zero: bool = True
    """Whether the scale begins at 0."""
    wide: bool = False
    """Whether it takes the whole width instead of half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(_Panel):
    """Bars, one per series, half the width."""

    query: str
    """Query of the current values."""
    legend: str
    """Name of a bar, from its labels."""
    buckets: bool = False
    """Whether the series are cumulative buckets of a histogram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap(_Panel):
    """Buckets of a histogram over time, half the width."""

    query: str
    """Query of the buckets, by the label `le`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(_Panel):
    """A map of California with a circle per series, half the width."""

    query: str
    """Query of the current values that size the circles, by the labels `latitude` and `longitude`, in degrees."""


Panel: TypeAlias = Figure | Lines | Bars | Heatmap | Map
"""Any panel of a dashboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]
    """From left to right, then from top to bottom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event that is marked on all time series."""

    name: str
    """Its name, by which it can be hidden."""
    query: str
    """Query that has a value at the moments of the event."""
    text: str
    """Text of the mark; may contain labels, as in `{{instance}}`."""
    color: str
    """Grafana's name of the mark's colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard."""

    uid: str
    """Identifies the dashboard in Grafana's URLs, and names its file."""
    title: str
    description: str
    """What it shows, in a sentence."""
    rows: tuple[Row, ...]
    """From top to bottom."""

    @property
    def file(self) -> str:
        """Name of the file that Grafana reads."""
        return f"{self.uid}.json"
