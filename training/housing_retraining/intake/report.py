"""What became of a dropped file, written beside it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from housing_retraining.intake.reading import Flaw

FLAWS_LISTED = 1000
"""How many rows a report lists: a file that is wrong throughout would make it as large as itself."""
ENDING = ".report.json"
"""What the names of reports end with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of a file."""

    file: str
    """Its name."""
    result: Literal["accepted", "rejected"]
    """Whether rows of it were taken."""
    reason: str
    """Why it was rejected; empty when it was not."""
    size_bytes: int
    """Its size."""
    rows: int
    """Rows that were read."""
    new_rows: int
    """Rows that were taken."""
    known_rows: int
    """Rows that were there before, or twice in the file."""
    contradicting_rows: int
    """Rows that give another price for a block group that is known; they are not taken."""
    bad_rows: int
    """Rows that break the schema or cannot be read."""
    flaws: Sequence[Flaw]
    """What is wrong with rows, by number; the first of them only."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
