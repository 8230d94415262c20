"""Markdown tables and number formats."""

import math
from collections.abc import Iterable, Sequence

NOTHING = "-"
"""Stands for a figure that was not measured."""

MILLI, MICRO = 1e3, 1e6
"""Factors from seconds to milliseconds and microseconds."""

_SIGNIFICANT = 3


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a table whose first column is text and whose others are figures."""
    marks = ["---", *(["---:"] * (len(headings) - 1))]
    lines = [headings, marks, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: float | None, scale: float = 1.0) -> str:
    """Format a figure, multiplied by `scale`, with three significant digits; None and NaN become a dash."""
    if value is None or math.isnan(value):
        return NOTHING
    scaled = value * scale
    if scaled == 0:
        return "0"
    digits = _SIGNIFICANT - 1 - math.floor(math.log10(abs(scaled)))
    return f"{round(scaled, digits):,.{max(digits, 0)}f}"


def ratio(value: float | None) -> str:
    """Format a ratio."""
    return NOTHING if value is None else f"{number(value)} x"


def percent(value: float | None) -> str:
    """Format a share of one as a percentage."""
    return NOTHING if value is None else f"{value:.1%}".replace("%", " %")
