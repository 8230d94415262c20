"""Changing the champion on purpose: each change is on record before it is made, with who, from, to and why."""

from typing import Protocol

from housing_retraining.errors import NotPromoted, RegistryFailed
from housing_retraining.registry import CHAMPION, RegisteredVersion
from housing_server.prediction_log.champion_history import ChampionHistory
from housing_server.prediction_log.model_changes import ChangeKind, ModelChange, ModelChanges
from housing_server.prediction_log.retrainings import RetrainingRecords


class AliasRegistry(Protocol):
    """The model registry, as far as the champion is changed there."""

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names; None when there is none."""

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""


class Champions:
    """The champions of a registered model: which there is, and which there were."""

    def __init__(self, name: str, registry: AliasRegistry, changes: ModelChanges) -> None:
        self._name, self._registry, self._changes = name, registry, changes
        self._history = ChampionHistory(name, changes)

    def now(self) -> RegisteredVersion | None:
        """Return the champion; None when there is none.

        Raises:
            RegistryFailed: the registry does not answer.
        """
        return self._registry.named(CHAMPION)

    def change(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        kind: ChangeKind,
        version: str,
        *,
        changed_by: str,
        reason: str,
        retraining_id: str | None = None,
        after: ModelChange | None = None,
    ) -> ModelChange:
        """Make a version the champion, and return what is on record of that.

        Args:
            kind: what it is.
            version: the new champion.
            changed_by: who or what changes it.
            reason: why.
            retraining_id: the retraining that has led to it, if one has.
            after: the change that it answers to; None makes it in any case.

        Raises:
            NotPromoted: another change has followed `after`.
            RegistryFailed: the registry does not take it.
        """
        before = self._registry.named(CHAMPION)
        change = ModelChange(
            model_name=self._name,
            kind=kind,
            from_version=before.version if before else None,
            to_version=version,
            changed_by=changed_by,
            reason=reason,
            retraining_id=retraining_id,
        )
        if after is None:
            change = self._changes.add(change)
        elif (added := self._changes.add_after(after, change)) is None:
            raise NotPromoted("the champion was changed meanwhile")
        else:
            change = added
        try:
            self._registry.point(CHAMPION, version)
        except RegistryFailed as error:
            self._changes.fail(change, str(error))
            raise
        return change

    def roll_back(self, *, changed_by: str, reason: str, after: ModelChange | None = None) -> ModelChange:
        """Make the version the champion that was it before this one came; rolling back twice does not come back.

        Args:
            changed_by: who or what does.
            reason: why.
            after: the promotion that is taken back; None takes the last one back, whichever it is.

        Raises:
            NotPromoted: nothing is on record of how the champion became it, or another change has followed `after`.
            RegistryFailed: the registry does not take it.
        """
        now = self._registry.named(CHAMPION)
        if now is not None and (back := self._history.before(now.version)) is not None:
            return self.change("rollback", back, changed_by=changed_by, reason=reason, after=after)
        raise NotPromoted(
            f"nothing is on record of a champion before {now.version if now else 'none'}: name a version with "
            "`housing model promote`"
        )

    def objection(self, version: str, records: RetrainingRecords) -> str:
        """Return what on record speaks against a version; empty when nothing does."""
        return self._history.objections(records).get(version, "")

    def rolled_back(self) -> set[str]:
        """Return the versions that were rolled back and not promoted since."""
        return self._history.rolled_back()
