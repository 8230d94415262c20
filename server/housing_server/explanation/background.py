"""The background of a model's explanations: rows like those it was trained on, registered with it by training.

`housing_training.graph.explanation` documents the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from housing.contract import FEATURE_NAMES, FEATURES
from housing_server.errors import ModelRejected

FILE = "extra_files/explain/background.json"
"""Its path in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""
MOST_ROWS = 256
"""More rows would make explanations slow, and hardly more accurate."""

_REQUIRED = [feature.required for feature in FEATURES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The reference that prices are explained against."""

    rows: NDArray[np.float64]
    """Representative block groups, shape (n, 9), NaN for missing values."""
    fields: tuple[str, ...]
    """The fields that the price depends on, in the contract's order; others contribute nothing."""


def read_background(folder: Path) -> Background | None:
    """Read the background from a model's folder; None when the model was registered without one.

    Raises:
        ModelRejected: it cannot be read, or does not contain block groups.
    """
    path = folder / FILE
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelRejected(f"{path} cannot be read: {error!r}") from error


def _parse(content: dict[str, Any]) -> Background:
    rows, fields = np.array(content["rows"], dtype=np.float64), set(content["fields"])
    if rows.ndim != 2 or rows.shape[1] != len(FEATURE_NAMES) or not 0 < len(rows) <= MOST_ROWS:  # noqa: PLR2004
        raise ValueError(f"there must be 1 to {MOST_ROWS} rows of {len(FEATURE_NAMES)} fields")
    if np.isnan(rows[:, _REQUIRED]).any():
        raise ValueError("a required field is missing")
    if not fields <= set(FEATURE_NAMES):
        raise ValueError(f"{sorted(fields - set(FEATURE_NAMES))} are not fields of the contract")
    return Background(rows=rows, fields=tuple(name for name in FEATURE_NAMES if name in fields))
