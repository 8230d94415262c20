"""Pictures of the dashboards: every panel of a board, drawn from what its own queries find. Grafana is not involved."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LinearLocator
from PIL import Image

from demo.panels import BACKGROUND, TEXT, draw_panel
from observability import Found, Prometheus
from running import ROOT

BOARDS = ROOT / "monitoring/grafana/dashboards"
"""The dashboards, as Grafana reads them."""
_COLUMNS, _INCHES_A_ROW, _INCHES_WIDE, _DOTS = 24, 0.34, 12.0, 92
_STEPS = 240
_RATE_INTERVAL = "30s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time that a dashboard shows."""

    start: float
    """In seconds since 1970."""
    end: float
    """In seconds since 1970."""

    def query(self, expression: str) -> str:
        """Put durations in the place of Grafana's variables."""
        seconds = f"{math.ceil(self.end - self.start)}s"
        return expression.replace("$__range", seconds).replace("$__rate_interval", _RATE_INTERVAL)


def draw_board(board: Mapping[str, Any], prometheus: Prometheus, span: Span, path: Path) -> None:
    """Write a picture of a dashboard (WebP).

    Args:
        board: as the file has it.
        prometheus: what its queries are asked of.
        span: the time that it shows.
        path: the file.
    """
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) + 2
    figure = Figure(figsize=(_INCHES_WIDE, rows * _INCHES_A_ROW), dpi=_DOTS, facecolor=BACKGROUND)
    ends = " to ".join(f"{datetime.fromtimestamp(each, UTC):%H:%M:%S}" for each in (span.start, span.end))
    figure.text(0.01, 1 - 1 / rows, board["title"], color=TEXT, fontsize=15, va="center", weight="bold")
    figure.text(0.99, 1 - 1 / rows, f"{ends} UTC", color=TEXT, fontsize=9, va="center", ha="right")
    for panel in board["panels"]:
        _place(figure, panel, rows, _found(panel, prometheus, span))
    image = BytesIO()
    figure.savefig(image, format="png", facecolor=BACKGROUND)
    Image.open(image).convert("RGB").save(path, "WEBP", quality=70, method=6)


def draw_boards(prometheus: Prometheus, span: Span, folder: Path) -> None:
    """Write a picture of every dashboard into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(BOARDS.glob("*.json")):
        draw_board(json.loads(path.read_text("utf-8")), prometheus, span, folder / f"{path.stem}.webp")


def _place(figure: Figure, panel: Mapping[str, Any], rows: int, found: list[tuple[str, Found]]) -> None:
    grid = panel["gridPos"]
    left, width = grid["x"] / _COLUMNS, grid["w"] / _COLUMNS
    top = 1 - (grid["y"] + 2) / rows
    if panel["type"] == "row":
        figure.text(0.01, top - 0.5 / rows, panel["title"], color=TEXT, fontsize=10.5, va="center", weight="bold")
        return
    figure.text(left + 0.012, top - 0.55 / rows, panel["title"], color=TEXT, fontsize=9, va="center")
    inset = 0.045 if panel["type"] in {"timeseries", "heatmap", "geomap"} else 0.012
    height = (grid["h"] - 2.4) / rows
    axes = figure.add_axes((left + inset, top - height - 1.2 / rows, width - inset - 0.015, height))
    draw_panel(axes, panel, found)
    if panel["type"] in {"timeseries", "heatmap"}:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"))
        axes.xaxis.set_major_locator(LinearLocator(5))


def _found(panel: Mapping[str, Any], prometheus: Prometheus, span: Span) -> list[tuple[str, Found]]:
    """Ask the queries of a panel; return what they find, each with its legend."""
    found: list[tuple[str, Found]] = []
    for target in panel.get("targets", ()):
        instant = target.get("instant") or panel["type"] == "stat"
        start, step = (span.end, 1.0) if instant else (span.start, (span.end - span.start) / _STEPS)
        answers = prometheus.ask_between(span.query(target["expr"]), start, span.end, step)
        found += [(_legend(target.get("legendFormat", ""), each), each) for each in answers]
    return found


def _legend(text: str, found: Found) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda name: found.labels.get(name[1], ""), text)
