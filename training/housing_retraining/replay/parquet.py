"""Replayed requests as a Parquet file, written page by page."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from housing.features import FEATURES
from housing_retraining.replay.scoring import Replayed
from housing_server.prediction_log.logged_requests import Floats

_PRICES = (
    "served_median_house_value",
    "reference_median_house_value",
    "replayed_median_house_value",
    "difference",
    "replayed_interval_lower",
    "replayed_interval_upper",
    "median_house_value",
)
_SCHEMA = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("predicted_at", pa.timestamp("us", "UTC")),
        ("model_version", pa.string()),
        *((feature.name, pa.string() if feature.choices else pa.float64()) for feature in FEATURES),
        *((name, pa.float64()) for name in _PRICES),
        ("replayed_warnings", pa.string()),
    ]
)
"""`median_house_value` is the true price, as in the files that rows are taken from; empty where it is not known."""


class ReplayFile:
    """A Parquet file that is being written."""

    def __init__(self, writer: ParquetWriter) -> None:
        self._writer = writer

    def add(self, page: Replayed) -> None:
        """Add a page as a group of rows."""
        self._writer.write_table(pa.table(_columns(page), schema=_SCHEMA))


@contextmanager
def replay_file(path: Path) -> Iterator[ReplayFile]:
    """Open a file for writing; it appears under its name once it is complete."""
    part = path.with_name(f"{path.name}.part")
    try:
        with ParquetWriter(part, _SCHEMA) as writer:
            yield ReplayFile(writer)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _columns(page: Replayed) -> Mapping[str, Any]:
    logged, answers, reference = page.logged, page.answers, page.reference
    lower, upper = answers.bounds.T
    prices = (logged.answers.prices, reference.prices, answers.prices, answers.prices - reference.prices)
    return {
        "prediction_id": list(logged.ids),
        "predicted_at": logged.predicted_at_us,
        "model_version": list(logged.model_versions),
        **{feature.name: _field(logged.rows[:, column], feature.choices) for column, feature in enumerate(FEATURES)},
        **dict(zip(_PRICES, map(_figures, (*prices, lower, upper, logged.true_prices)), strict=True)),
        "replayed_warnings": list(answers.warnings),
    }


def _field(values: Floats, choices: tuple[str, ...]) -> Any:
    if not choices:
        return _figures(values)
    return [None if np.isnan(value) else choices[int(value)] for value in values]


def _figures(values: Floats) -> Any:
    return pa.array(values, pa.float64(), from_pandas=True)  # NaN becomes null
