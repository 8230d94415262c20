"""The background of a model's explanations: representative rows of those it was trained on, registered with it.

The file is JSON: `rows` holds the nine fields of each row in the contract's order, null for a missing value, and
`fields` the names of the fields that the price depends on. How explanations use it is in
`housing_server.explanation.attribution`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from housing.features import FEATURE_NAMES, FEATURES

FOLDER, NAME = "explain", "background.json"
"""Folder and name of the file among those that training makes for a model."""
FILE = f"extra_files/{FOLDER}/{NAME}"
"""Its path in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""
MOST_ROWS = 256
"""More rows would make explanations slow, and hardly more accurate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The reference that prices are explained against."""

    rows: Sequence[Sequence[float]]
    """Representative block groups, each of nine columns in `FEATURES` order, NaN for missing values."""
    fields: tuple[str, ...]
    """The fields that the price depends on, in the contract's order; others contribute nothing."""

    @classmethod
    def from_json(cls, text: str) -> Background:
        """Parse what `to_json` wrote.

        Raises:
            ValueError: the text is something else, or does not hold block groups.
        """
        try:
            content = json.loads(text)
            rows = [[math.nan if value is None else float(value) for value in row] for row in content["rows"]]
            fields = set(content["fields"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no background of explanations: {error!r}") from error
        _check(rows, fields)
        return cls(rows=rows, fields=tuple(name for name in FEATURE_NAMES if name in fields))

    def to_json(self) -> str:
        """Return the file's text: always the same for the same content."""
        rows = [[None if math.isnan(value) else value for value in row] for row in self.rows]
        return json.dumps({"fields": list(self.fields), "rows": rows}) + "\n"


def _check(rows: list[list[float]], fields: set[str]) -> None:
    if not 0 < len(rows) <= MOST_ROWS or any(len(row) != len(FEATURES) for row in rows):
        raise ValueError(f"there must be 1 to {MOST_ROWS} rows of {len(FEATURES)} fields")
    if any(feature.required and math.isnan(row[column]) for row in rows for column, feature in enumerate(FEATURES)):
        raise ValueError("a required field is missing")
    if not fields <= set(FEATURE_NAMES):
        raise ValueError(f"{sorted(fields - set(FEATURE_NAMES))} are not fields of the contract")
