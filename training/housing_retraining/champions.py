"""Changing the champion: each change is recorded before it is made, with author, versions and reason."""

from dataclasses import replace
from typing import Protocol

from housing_retraining.errors import NotPromoted, RegistryFailed
from housing_retraining.registry import CHAMPION, RegisteredVersion
from housing_server.prediction_log.champion_history import ChampionHistory
from housing_server.prediction_log.champion_lease import ChampionLease
from housing_server.prediction_log.model_changes import ChangeKind, ModelChange, ModelChanges
from housing_server.prediction_log.retrainings import RetrainingRecords


class AliasRegistry(Protocol):
    """The model registry, as far as the champion is changed there."""

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names; None without one."""

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""


class Champions:
    """The present and past champions of a registered model.

    A change waits until no other process is changing the champion, whether a command, a watcher or the service.
    """

    def __init__(
        self, name: str, registry: AliasRegistry, changes: ModelChanges, *, lease: ChampionLease | None = None
    ) -> None:
        self._name, self._registry, self._changes = name, registry, changes
        self._lease = lease or ChampionLease(changes.store)
        self._history = ChampionHistory(name, changes)

    def now(self) -> RegisteredVersion | None:
        """Return the champion; None without one.

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
        instead_of: str | None = None,
    ) -> ModelChange:
        """Make a version the champion, and return the recorded change.

        Args:
            kind: the kind of change.
            version: the new champion.
            changed_by: its author.
            reason: why.
            retraining_id: the retraining behind it; None without one.
            instead_of: the expected champion; None for any.

        Raises:
            NotPromoted: the champion is not the expected one.
            RegistryFailed: the registry does not accept the change.
            ModelRegistryUnavailable: another process has been changing the champion for too long.
        """
        with self._lease.held():
            now = self._registry.named(CHAMPION)
            if instead_of is not None and (now is None or now.version != instead_of):
                raise NotPromoted(f"the champion was changed meanwhile, to version {now.version if now else 'none'}")
            change = self._planned(kind, now, version, changed_by=changed_by, reason=reason)
            return self._make(replace(change, retraining_id=retraining_id))

    def roll_back(self, *, changed_by: str, reason: str, after: ModelChange | None = None) -> ModelChange:
        """Make the previous champion the champion again; a second rollback goes further back.

        Args:
            changed_by: its author.
            reason: why.
            after: the promotion to roll back; None for the last one.

        Raises:
            NotPromoted: no earlier champion is on record, or another change has followed `after`.
            RegistryFailed: the registry does not accept the change.
            ModelRegistryUnavailable: another process has been changing the champion for too long.
        """
        with self._lease.held():
            now = self._registry.named(CHAMPION)
            back = None if now is None else self._history.before(now.version)
            if back is None:
                raise NotPromoted(
                    f"nothing is on record of a champion before {now.version if now else 'none'}: name a version with "
                    "`housing model promote`"
                )
            return self._make(self._planned("rollback", now, back, changed_by=changed_by, reason=reason), after)

    def finish(self, change: ModelChange) -> bool:
        """Move the alias if the process that recorded a change did not; return whether that was due.

        Raises:
            RegistryFailed: the registry does not accept the change.
            ModelRegistryUnavailable: another process has been changing the champion for too long.
        """
        with self._lease.held():
            now = self._registry.named(CHAMPION)
            if now is None or now.version != change.from_version:
                return False
            self._registry.point(CHAMPION, change.to_version)
            return True

    def _planned(
        self, kind: ChangeKind, now: RegisteredVersion | None, version: str, *, changed_by: str, reason: str
    ) -> ModelChange:
        return ModelChange(
            model_name=self._name,
            kind=kind,
            from_version=now.version if now else None,
            to_version=version,
            changed_by=changed_by,
            reason=reason,
        )

    def _make(self, planned: ModelChange, after: ModelChange | None = None) -> ModelChange:
        """Record a change, then make it."""
        change = self._changes.add(planned) if after is None else self._changes.add_after(after, planned)
        if change is None:
            raise NotPromoted("the champion was changed meanwhile")
        try:
            self._registry.point(CHAMPION, change.to_version)
        except RegistryFailed as error:
            self._changes.fail(change, str(error))
            raise
        return change

    def objection(self, version: str, records: RetrainingRecords) -> str:
        """Return the objection on record to a version; empty without one."""
        return self._history.objections(records).get(version, "")

    def rolled_back(self) -> set[str]:
        """Return the versions that were rolled back and not promoted since."""
        return self._history.rolled_back()
