"""The drift report: a self-contained HTML page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from housing_monitoring.comparison import Compared
from housing_monitoring.drift import SHIFTED, Drift
from housing_monitoring.report_charts import draw
from housing_monitoring.results import LiveQuality
from housing_monitoring.service import ServedModel
from housing_monitoring.window import LoggedPrediction

_CHANGED = 0.1
"""PSI from which a change is notable, by the same rule of thumb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldReport:
    """A field of the report."""

    name: str
    missing: float
    """Share of the window's predictions without it."""
    drift: Drift | None
    """Its drift from training; None if all predictions lack it."""
    chart: str
    """Its chart, as a data URI."""

    @property
    def verdict(self) -> str:
        """A summary of the figures in a word or two."""
        if self.drift is None:
            return "never given"
        if self.drift.psi <= max(self.drift.by_chance, _CHANGED):
            return "stable"
        return "shifted" if self.drift.psi > SHIFTED else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of the page."""

    model: ServedModel
    """The served model."""
    window: Sequence[LoggedPrediction]
    """The predictions compared with it, newest first; at least one."""
    fields: Sequence[FieldReport]
    """The inputs and the answers."""
    live: Sequence[LiveQuality]
    """Live errors by version."""

    @property
    def period(self) -> tuple[datetime, datetime]:
        """Times of the first and the last prediction in the window."""
        first, last = (datetime.fromtimestamp(each.predicted_at, UTC) for each in (self.window[-1], self.window[0]))
        return first, last

    @property
    def shifted(self) -> list[str]:
        """The names of shifted fields."""
        return [each.name for each in self.fields if each.verdict == "shifted"]


def report_field(compared: Compared) -> FieldReport:
    """Create the report of a field."""
    return FieldReport(
        name=compared.distribution.name,
        missing=compared.missing_ratio() if compared.values else 1.0,
        drift=compared.drift() if compared.given() else None,
        chart=draw(compared),
    )


def render(report: Report) -> str:
    """Render the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.jinja")
    return template.render(report=report, now=datetime.now(UTC), shifted_from=SHIFTED)
