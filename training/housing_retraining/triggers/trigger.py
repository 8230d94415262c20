"""Triggers, and their cool-down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """Why a trigger requests a retraining."""

    reason: str
    """The reason, for people."""
    figures: Mapping[str, Any]
    """The figures behind it, by name."""


class RetrainingTrigger(Protocol):
    """Something that may request a retraining."""

    kind: Trigger
    """Its kind."""
    cooldown_seconds: float
    """How long after a request it requests nothing."""

    def look(self) -> Fired | None:
        """Return the reason to retrain; None without one, or when that cannot be determined now."""


def ask(triggers: Sequence[RetrainingTrigger], records: RetrainingRecords, now: Callable[[], int]) -> list[Retraining]:
    """Request the retrainings of triggers that fire, and return them; the caller holds the lease, so only it does.

    Args:
        triggers: the triggers.
        records: where requests go.
        now: returns the time, in microseconds since the epoch.
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
