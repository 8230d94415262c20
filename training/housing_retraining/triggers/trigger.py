"""What triggers are, and how they are kept from firing again and again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """Why a trigger asks for a retraining."""

    reason: str
    """The reason, for people."""
    figures: Mapping[str, Any]
    """The figures behind it, by name."""


class RetrainingTrigger(Protocol):
    """Something that may ask for a retraining."""

    kind: Trigger
    """Its kind."""
    cooldown_seconds: float
    """How long after it has asked it asks for nothing."""

    def look(self) -> Fired | None:
        """Return the reason to retrain; None without one, or when that cannot be found out now."""


def ask(triggers: Sequence[RetrainingTrigger], records: RetrainingRecords, now: Callable[[], int]) -> list[Retraining]:
    """Ask for what triggers want, and return it; only a process that holds the lease may, or two would ask at once.

    Args:
        triggers: what may ask.
        records: where requests go.
        now: the time, in microseconds since the epoch.
    """
    return [
        records.request(
            trigger.kind, reason=fired.reason, requested_by=f"the trigger {trigger.kind}", figures=fired.figures
        )
        for trigger in triggers
        if _may_ask(trigger, records.last_of(trigger.kind), now()) and (fired := trigger.look()) is not None
    ]


def _may_ask(trigger: RetrainingTrigger, last: Retraining | None, now_us: int) -> bool:
    if last is None:
        return True
    return last.verdict is not None and now_us - last.requested_at_us >= trigger.cooldown_seconds * 1_000_000
