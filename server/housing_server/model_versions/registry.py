"""The registry as versions are listed and the champion is changed there, without MLflow.

What `model_store.lookup` reads directly is read and changed directly: a SQLite file, and a tracking server with the
calls that MLflow's client would make. Importing MLflow would take five times the recorder's memory.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from housing.sqlite_uris import sqlite_path
from housing_server.errors import ModelRegistryUnavailable
from housing_server.model_store.lookup import is_direct
from housing_server.model_store.tracking_server import TrackingServer
from housing_server.model_versions.registry_rest import RestVersions
from housing_server.model_versions.registry_sqlite import SqliteVersions
from housing_server.model_versions.version import RegisteredVersion


class VersionRegistry(Protocol):
    """A registry. Methods block, and raise ModelRegistryUnavailable when it does not respond."""

    def versions(self, name: str, count: int) -> Sequence[RegisteredVersion]:
        """Return the newest versions of a model, the newest first."""

    def aliases(self, name: str) -> Mapping[str, str]:
        """Return the version that each alias of a model names."""

    def exists(self, name: str, version: str) -> bool:
        """Return whether a model has a version."""

    def point(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version."""


OpenRegistry = Callable[[], VersionRegistry]
"""Returns the registry; raises ModelRegistryUnavailable when only MLflow supports it."""


def open_registry(registry_uri: str, tracking_uri: str, environment: Mapping[str, str]) -> VersionRegistry:
    """Return a registry; it is not contacted yet.

    Args:
        registry_uri: its URI.
        tracking_uri: URI of the store of the runs that versions come from.
        environment: variables of MLflow, among them its credentials.

    Raises:
        ModelRegistryUnavailable: only MLflow supports it.
    """
    if registry_uri != tracking_uri or not is_direct(registry_uri, environment):
        raise ModelRegistryUnavailable("only MLflow supports this registry or its settings: use `housing model`")
    database = sqlite_path(registry_uri)
    if database is not None:
        return SqliteVersions(database)
    return RestVersions(TrackingServer(registry_uri, environment))
