"""The share of the calls that a version answers as a canary, in the registry, which servers follow."""

from typing import Protocol

from housing_server.model_store.lookup import CANARY, ENDED_TAG, SHARE_TAG

__all__ = ["CANARY", "Canaries", "CanaryRegistry"]


class CanaryRegistry(Protocol):
    """The model registry, as far as a canary is set there.

    Every method raises RegistryFailed when the registry does not accept a change.
    """

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""

    def drop_alias(self, alias: str) -> None:
        """Remove an alias."""

    def tag_version(self, version: str, name: str, value: str) -> None:
        """Set a tag of a version."""

    def version_tags(self, version: str) -> dict[str, str]:
        """Return the tags of a version."""


class Canaries:
    """Sets and ends canaries."""

    def __init__(self, registry: CanaryRegistry) -> None:
        self._registry = registry

    def begin(self, version: str, share: float) -> None:
        """Let a version answer a share of the calls, from 0 to 1, in the place of any other canary."""
        self._registry.tag_version(version, ENDED_TAG, "")
        self._registry.tag_version(version, SHARE_TAG, f"{share:g}")
        self._registry.point(CANARY, version)

    def share(self, version: str) -> float:
        """Return the share of a version, if it has the alias; 0 where the tag is missing or malformed."""
        try:
            return float(self._registry.version_tags(version).get(SHARE_TAG, "0"))
        except ValueError:
            return 0.0

    def ended(self, version: str) -> str:
        """Return why a canary has ended, such as the service's reason; empty while it has not."""
        return self._registry.version_tags(version).get(ENDED_TAG, "")

    def end(self, version: str, reason: str) -> None:
        """End a canary; a reason that is on record already is kept."""
        if not self.ended(version):
            self._registry.tag_version(version, ENDED_TAG, reason)
        self._registry.tag_version(version, SHARE_TAG, "0")
        self._registry.drop_alias(CANARY)
