"""The stages of a challenger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from housing_retraining.registry import RegisteredVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """What a stage works on."""

    retraining_id: str
    """The retraining."""
    requested_by: str
    """Who or what requested it."""
    model_name: str
    """The registered model."""
    candidate: RegisteredVersion
    """The challenger."""
    champion: RegisteredVersion | None
    """The version served when the first stage began; None without one."""
    data_sha256: str
    """SHA-256 of the table that the challenger was trained and tested on."""
    work: Path
    """The work directory of the retraining."""
    started_at_us: int
    """When this stage first began, in microseconds since the epoch: before a crash, if there was one."""
    check: Callable[[], object]
    """Raises LeaseLost once another process may retrain; long stages call it regularly."""
    echo: Callable[[str], object]
    """Prints lines for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """The result of a stage; a refusal ends the challenge."""

    state: Literal["passed", "refused", "skipped"]
    """The state."""
    reason: str
    """Why, in a line."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by name."""
    blames_data: bool = False
    """Whether a refusal is blamed on the new rows."""


class Stage(Protocol):
    """A stage of a challenge."""

    @property
    def name(self) -> str:
        """Its name on record."""

    def run(self, context: StageContext) -> StageResult:
        """Return whether the challenger passed, was refused, or the stage was skipped.

        After a crash it runs again: its state is in the work directory or the store.
        """
