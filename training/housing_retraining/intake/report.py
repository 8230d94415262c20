"""The report on a dropped file, written beside it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from housing_retraining.intake.reading import Flaw

FLAWS_LISTED = 1000
"""How many flaws a report lists: that of a file of invalid rows would otherwise be as large as the file."""
ENDING = ".report.json"
"""How names of reports end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """The result of reading a file."""

    file: str
    """Its name."""
    result: Literal["accepted", "rejected"]
    """Whether it was accepted."""
    reason: str
    """Why it was rejected; empty when it was not."""
    size_bytes: int
    """Its size."""
    rows: int
    """Rows that were read."""
    new_rows: int
    """Rows that were added."""
    known_rows: int
    """Rows that were in the table already, or twice in the file."""
    contradicting_rows: int
    """Rows with another price for a known block group; they are not added."""
    bad_rows: int
    """Rows that violate the schema or cannot be read."""
    flaws: Sequence[Flaw]
    """The first flaws, by row number."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
