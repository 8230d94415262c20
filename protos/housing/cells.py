"""Parsing of cells of a table, and of numbers on a command line."""

import math
import re

MISSING_MARKS = frozenset({"", "?", "na", "n/a", "#na", "#n/a", "<na>", "nan", "-nan", "null", "none"})
"""Marks of a missing value, in lower case."""

_SHOWN_CHARACTERS = 60
"""Longer cells are shortened in error messages."""

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
"""A plain number, as a regular expression."""

_NUMBER = re.compile(NUMBER, re.ASCII)

_ADVICE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[$€£¥]|usd|eur", re.IGNORECASE), "leave out the currency"),
    (re.compile(r"_"), "leave out underscores"),
    (re.compile(r"\d[\s'\u2019]+\d"), "leave out blanks and separators of thousands"),
    (re.compile(r","), "write a decimal point, and leave out separators of thousands"),
    (re.compile(r"%"), "leave out the percent sign"),
    (re.compile(r"^[+-]?inf", re.IGNORECASE), "it must be finite"),
)


def is_missing(cell: str) -> bool:
    """Return whether a stripped cell is a missing value: empty, `NA`, `NaN`, `?` and others."""
    return cell.casefold() in MISSING_MARKS


def parse_number(text: str) -> float:
    """Parse a number as in a table or on a command line: digits, a decimal point, an exponent.

    Raises:
        ValueError: the text is not a finite number, or is ambiguous, such as `452,600` and `1_274`.
    """
    if not _NUMBER.fullmatch(text):
        advice = next((f"; {words}" for pattern, words in _ADVICE if pattern.search(text)), "")
        raise ValueError(f"must be a plain number such as 1274.5, not {shown(text)}{advice}")
    if not math.isfinite(number := float(text)):
        raise ValueError(f"must be a finite number, not {shown(text)}, which is too large")
    return number


def shown(text: str) -> str:
    """Quote a text for an error message, shortened if it is long."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")
