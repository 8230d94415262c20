"""What a stage is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from housing_retraining.registry import RegisteredVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """What a stage is about."""

    retraining_id: str
    """The retraining."""
    requested_by: str
    """Who or what asked for it."""
    model_name: str
    """The registered model."""
    candidate: RegisteredVersion
    """The challenger."""
    champion: RegisteredVersion | None
    """What was served when the first stage began; None when nothing was."""
    data_sha256: str
    """SHA-256 of the table that the challenger was trained and tested on."""
    work: Path
    """The work directory of the retraining."""
    started_at_us: int
    """When this stage began, in microseconds since the epoch; before a crash, if one came in the middle of it."""
    check: Callable[[], object]
    """Raises LeaseLost once another process may retrain: to be called now and then by what takes long."""
    echo: Callable[[str], object]
    """Called with lines for people to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What became of a stage; a refusal ends the challenge."""

    state: Literal["passed", "refused", "skipped"]
    """What became of it."""
    reason: str
    """Why, in a line."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by name."""
    blames_data: bool = False
    """Whether a refusal speaks against the new rows."""


class Stage(Protocol):
    """Something that a challenger must pass."""

    @property
    def name(self) -> str:
        """Its name on record."""

    def run(self, context: StageContext) -> StageResult:
        """Let the challenger pass, refuse it, or skip the stage.

        After a crash it is run again: what it needs to go on it keeps in the work directory or the store.
        """
