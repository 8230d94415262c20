"""Setting and ending canaries: first in the audit trail, then in the registry, which servers follow."""

from dataclasses import dataclass
from typing import Protocol

from housing_retraining.errors import RegistryFailed
from housing_retraining.registry import RegisteredVersion
from housing_server.model_store.lookup import CANARY, ENDED_TAG, SHARE_TAG
from housing_server.prediction_log.model_changes import ModelChange, ModelChanges

__all__ = ["CANARY", "Author", "Canaries", "CanaryRegistry"]


class CanaryRegistry(Protocol):
    """The model registry, as far as a canary is set there.

    Every method raises RegistryFailed when the registry does not accept a change.
    """

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names; None without one."""

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""

    def drop_alias(self, alias: str) -> None:
        """Remove an alias."""

    def tag_version(self, version: str, name: str, value: str) -> None:
        """Set a tag of a version."""

    def version_tags(self, version: str) -> dict[str, str]:
        """Return the tags of a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who or what changes a canary."""

    changed_by: str
    """A person, or a retraining."""
    retraining_id: str | None = None
    """The retraining; None when a person does."""


class Canaries:
    """Sets and ends canaries of a registered model.

    Every method raises RegistryFailed when the registry does not answer, or does not accept a change, and those that
    change something raise PredictionLogUnavailable when the audit trail cannot be written.
    """

    def __init__(self, name: str, registry: CanaryRegistry, changes: ModelChanges) -> None:
        """Create it; nothing is changed yet.

        Args:
            name: the registered model.
            registry: where servers find alias and share.
            changes: the audit trail.
        """
        self._name, self._registry, self._changes = name, registry, changes

    def now(self) -> tuple[str, float] | None:
        """Return the version of the canary and its share, from 0 to 1; None without one."""
        found = self._registry.named(CANARY)
        share = self._share(found.version) if found else 0.0
        return (found.version, share) if found and share else None

    def begin(self, version: str, share: float, author: Author, *, reason: str) -> ModelChange | None:
        """Let a version answer a share of the calls, in the place of any other canary.

        Args:
            version: the version.
            share: its share, from 0 to 1.
            author: who or what wants it.
            reason: why.

        Returns:
            What is on record of that; None when it is the canary with this share already.
        """
        before = self.now()
        change = None if before == (version, share) else self._begun(before, version, share, author, reason)
        try:
            self._registry.tag_version(version, ENDED_TAG, "")
            self._registry.tag_version(version, SHARE_TAG, f"{share:g}")
            self._registry.point(CANARY, version)
        except RegistryFailed as error:
            self._fail(change, error)
            raise
        return change

    def ended(self, version: str) -> str:
        """Return why a canary has ended, such as the service's reason; empty while it has not."""
        return self._registry.version_tags(version).get(ENDED_TAG, "")

    def end(self, version: str, author: Author, *, reason: str) -> ModelChange | None:
        """End a canary; a reason in the registry is kept. It ends even if that cannot be put on record.

        Returns:
            What is on record of that; None when it was on record already.
        """
        change = None
        try:
            change = self._changes.add_canary_end(self._ended(version, author, reason))
        finally:
            try:
                self._withdraw(version, reason if author.retraining_id else f"{author.changed_by}: {reason}")
            except RegistryFailed as error:
                self._fail(change, error)
                raise
        return change

    def _begun(
        self, before: tuple[str, float] | None, version: str, share: float, author: Author, reason: str
    ) -> ModelChange:
        other, other_share = before or (None, None)
        return self._changes.add(
            ModelChange(
                model_name=self._name,
                kind="canary_share" if other == version else "canary_start",
                from_version=other,
                to_version=version,
                from_share=other_share,
                to_share=share,
                changed_by=author.changed_by,
                reason=reason,
                retraining_id=author.retraining_id,
            )
        )

    def _ended(self, version: str, author: Author, reason: str) -> ModelChange:
        return ModelChange(
            model_name=self._name,
            kind="canary_end",
            from_version=version,
            to_version="",
            from_share=self._share(version) or None,
            changed_by=author.changed_by,
            reason=reason,
            retraining_id=author.retraining_id,
        )

    def _withdraw(self, version: str, reason: str) -> None:
        if not self.ended(version):
            self._registry.tag_version(version, ENDED_TAG, reason)
        self._registry.tag_version(version, SHARE_TAG, "0")
        self._registry.drop_alias(CANARY)

    def _share(self, version: str) -> float:
        """Return the share of a version, if it has the alias; 0 where the tag is missing or malformed."""
        try:
            share = float(self._registry.version_tags(version).get(SHARE_TAG, "0"))
        except ValueError:
            return 0.0
        return share if 0 <= share <= 1 else 0.0

    def _fail(self, change: ModelChange | None, error: RegistryFailed) -> None:
        if change is not None:
            self._changes.fail(change, str(error))
