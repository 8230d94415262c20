"""What a look at the service has found, and the file that keeps it over restarts."""

from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from housing_monitoring.drift import Drift
from housing_monitoring.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveQuality:
    """How far the answers of a model version were from the true prices that have come in."""

    model_version: str
    """The version."""
    outcomes: int
    """How many of its answers have a true price; one at least."""
    mean_absolute_error: float
    """In USD."""
    root_mean_squared_error: float
    """In USD."""
    bias: float
    """Mean of answer minus true price, in USD."""
    interval_coverage: float | None
    """Share of intervals that hold the true price; None without intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingQuality:
    """How good training found a model version to be, on rows held out; None where it did not measure."""

    model_version: str
    """The version."""
    mean_absolute_error: float | None
    """In USD."""
    root_mean_squared_error: float | None
    """In USD."""
    interval_coverage: float | None
    """Share of intervals that hold the true price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What one look has found."""

    looked_at: float
    """When, in seconds since the epoch."""
    window_rows: int
    """How many predictions are in the window."""
    drift: tuple[Drift, ...]
    """Of each field with enough values, and of the answers; empty when the model has no profile."""
    missing: dict[str, float]
    """Share of the window's predictions that were asked for without a field, by field."""
    places: tuple[Place, ...]
    """Where the window's predictions lie, by cell of one degree."""
    live: tuple[LiveQuality, ...]
    """By version."""
    training: TrainingQuality
    """Of the version that is served."""


_RESULTS = TypeAdapter(Results)


class ResultsFile:
    """The file with the last results."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "monitor" / "state.json"

    def read(self) -> Results | None:
        """Read what was written last; None where there is nothing, or nothing that this version can read."""
        try:
            return _RESULTS.validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, results: Results) -> None:
        """Replace what was written last; a reader sees the old file or the new one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        scratch.write_bytes(orjson.dumps(results))
        scratch.replace(self._path)
