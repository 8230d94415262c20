"""Rolling a promotion back once, also with several watchers."""

from dataclasses import dataclass

from housing_retraining.champions import Champions
from housing_retraining.errors import NotPromoted
from housing_retraining.rollback.guard import MACHINE, PromotionGuard
from housing_server.prediction_log.model_changes import ModelChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """The result of judging the last promotion."""

    rolled_back: bool
    """Whether it was rolled back."""
    reason: str
    """Why, or why not, in a line."""
    from_version: str = ""
    """The champion before."""
    to_version: str = ""
    """The champion since."""


def act(guard: PromotionGuard, champions: Champions) -> Acted:
    """Judge the last promotion, and roll it back if live errors got worse with it.

    Raises:
        RegistryFailed: the registry does not accept the change; the next call repeats it.
        ModelRegistryUnavailable: another process has been changing the champion for too long.
    """
    seen = guard.look()
    if seen is None:
        return Acted(rolled_back=False, reason="live errors did not get worse beyond chance")
    if seen.change.kind == "rollback":
        return _finish(seen.change, champions)
    if seen.worse is None:
        return Acted(rolled_back=False, reason="nothing is on record of the version before")
    return _roll_back(seen.change, seen.worse.reason, champions)


def _finish(rollback: ModelChange, champions: Champions) -> Acted:
    """Move the alias if the process that recorded the rollback did not."""
    if not champions.finish(rollback):
        return Acted(rolled_back=False, reason="the last rollback is complete")
    before, back = str(rollback.from_version), rollback.to_version
    return Acted(rolled_back=True, reason=rollback.reason, from_version=before, to_version=back)


def _roll_back(promotion: ModelChange, reason: str, champions: Champions) -> Acted:
    now = champions.now()
    if now is None or now.version != promotion.to_version:
        return Acted(rolled_back=False, reason="the champion was changed since, off the record")
    try:
        made = champions.roll_back(changed_by=MACHINE, reason=reason, after=promotion)
    except NotPromoted as error:
        return Acted(rolled_back=False, reason=str(error))
    return Acted(rolled_back=True, reason=reason, from_version=now.version, to_version=made.to_version)
