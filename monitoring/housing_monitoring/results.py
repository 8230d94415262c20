"""The results of a check, and the file that stores them across restarts."""

from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from housing_monitoring.drift import Drift
from housing_monitoring.estimated_error import EstimateCheck, EstimatedError
from housing_monitoring.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveQuality:
    """The errors of a model version's predictions, against known true prices."""

    model_version: str
    outcomes: int
    """Number of its predictions with a true price; at least one."""
    mean_absolute_error: float
    """In USD."""
    root_mean_squared_error: float
    """In USD."""
    bias: float
    """Mean of answer minus true price, in USD."""
    interval_coverage: float | None
    """Share of intervals that contain the true price; None without intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingQuality:
    """The errors of a model version on rows held out in training; None where not measured."""

    model_version: str
    mean_absolute_error: float | None
    """In USD."""
    root_mean_squared_error: float | None
    """In USD."""
    interval_coverage: float | None
    """Share of intervals that contain the true price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of a check."""

    looked_at: float
    """Time of the check, in seconds since the epoch."""
    window_rows: int
    """Number of predictions in the window."""
    drift: tuple[Drift, ...]
    """Drift of each field with enough values, and of the answers; empty when the model has no profile."""
    missing: dict[str, float]
    """Share of the window's predictions without a value, by field."""
    places: tuple[Place, ...]
    """Locations of the window's predictions, by cell of one degree."""
    live: tuple[LiveQuality, ...]
    """Live errors by version."""
    training: TrainingQuality
    """Errors of the served version in training."""
    estimated: EstimatedError | None = None
    """Errors that the window's answers of the served version are expected to have; None where nothing is estimated."""
    estimate_check: EstimateCheck | None = None
    """The estimate for answers whose true prices have come, beside their errors; likewise."""


_RESULTS = TypeAdapter(Results)


class ResultsFile:
    """The file with the last results."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "monitor" / "state.json"

    def read(self) -> Results | None:
        """Read the last results; None if there are none that this version can read."""
        try:
            return _RESULTS.validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, results: Results) -> None:
        """Replace the last results atomically."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        scratch.write_bytes(orjson.dumps(results))
        scratch.replace(self._path)
