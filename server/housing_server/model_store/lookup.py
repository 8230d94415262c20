"""Lookup of the model version in a registry without MLflow.

The registry is queried at every start and, for an alias, every few seconds while the service runs. MLflow takes three
seconds of processor time to import and 250 MB of memory, so the most common stores are queried directly: a SQLite file
with SQL, a tracking server with the one REST call that MLflow's client would make. All others are left to the registry
process.
"""

import sqlite3
import urllib.error
import urllib.parse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from housing.sqlite_uris import sqlite_path
from housing_server.errors import ModelNotFound, ModelRejected, RegistryUnavailable
from housing_server.model_store.registry_file import opened
from housing_server.model_store.tracking_server import NOT_FOUND, TrackingServer
from housing_server.model_store.uri import ModelUri

CANARY = "canary"
"""The alias of the version that answers a share of the calls beside the served one."""
SHARE_TAG = "canary_share"
"""The tag of that version which holds its share, a number from 0 to 1."""
ENDED_TAG = "canary_ended"
"""The tag of that version which holds why it is the canary no more."""


class WantedCanary(NamedTuple):
    """The canary, as the registry has it."""

    name: str
    """Name of the version in the cache of fetched models."""
    share: str
    """Its share of the calls, as it is written there; empty when it has none."""


Found = TypeVar("Found")
CanaryLookup = Callable[[ModelUri], WantedCanary]
"""Returns the canary; blocks, and raises a `StartError`: ModelNotFound without one."""
Lookup = Callable[[ModelUri], str]
"""Returns the name of the version in the cache of fetched models; blocks, and raises a `StartError`."""

_NOT_HEEDED = frozenset({"MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_WORKSPACE"})
"""MLflow settings that are not reimplemented here: if one is set, MLflow itself does the lookup."""
_NOT_HEEDED_BY_TLS = frozenset(
    {
        "MLFLOW_TRACKING_CLIENT_CERT_PATH",
        "MLFLOW_TRACKING_INSECURE_TLS",
        "MLFLOW_TRACKING_SERVER_CERT_PATH",
        "REQUESTS_CA_BUNDLE",
    }
)
"""The same, for https servers only."""
_BY_ALIAS = (
    "SELECT version, model_versions.run_id FROM registered_model_aliases AS aliases "
    "JOIN model_versions USING (name, version) WHERE name = ? AND alias = ?"
)
_CANARY = (
    "SELECT versions.version, versions.run_id, tags.value FROM registered_model_aliases AS aliases "
    "JOIN model_versions AS versions ON versions.name = aliases.name AND versions.version = aliases.version "
    "LEFT JOIN model_version_tags AS tags ON tags.name = aliases.name AND tags.version = aliases.version "
    "AND tags.key = ? WHERE aliases.name = ? AND aliases.alias = ?"
)
_BY_VERSION = (
    "SELECT version, run_id FROM model_versions WHERE name = ? AND version = ? "
    "AND current_stage <> 'Deleted_Internal'"  # how MLflow marks deleted versions
)


def direct_lookup(registry_uri: str, environment: Mapping[str, str]) -> Lookup | None:
    """Return a direct lookup for a registry; None when only MLflow supports it."""
    return _direct(registry_uri, environment, _ask_database, _ask_server)


def direct_canary_lookup(registry_uri: str, environment: Mapping[str, str]) -> CanaryLookup | None:
    """Return a direct lookup of the canary in a registry; None when only MLflow supports it."""
    return _direct(registry_uri, environment, _ask_database_for_canary, _ask_server_for_canary)


def _direct(
    registry_uri: str,
    environment: Mapping[str, str],
    ask_database: Callable[[Path, ModelUri], Found],
    ask_server: Callable[[TrackingServer, ModelUri], Found],
) -> Callable[[ModelUri], Found] | None:
    if not is_direct(registry_uri, environment):
        return None
    database = sqlite_path(registry_uri)
    if database is not None:
        return partial(ask_database, database)
    return partial(ask_server, TrackingServer(registry_uri, environment))


def is_direct(registry_uri: str, environment: Mapping[str, str]) -> bool:
    """Return whether a registry is read directly; others, and some settings, only MLflow supports."""
    address = urllib.parse.urlsplit(registry_uri)
    if not _NOT_HEEDED.isdisjoint(environment) or "@" in address.netloc:
        return False
    if sqlite_path(registry_uri) is not None or address.scheme == "http":
        return True
    return address.scheme == "https" and _NOT_HEEDED_BY_TLS.isdisjoint(environment)


def cached_name(version: str, run_id: str | None) -> str:
    """Return a permanent name for a version: version numbers restart in a new registry, run ids are unique.

    Raises:
        ModelRejected: it was registered without a run.
    """
    if not run_id:
        raise ModelRejected(f"version {version} was registered without a run: register it from one, for its metadata")
    return f"{version}-{run_id}"


def _ask_database(path: Path, model: ModelUri) -> str:
    query = _BY_ALIAS if model.alias else _BY_VERSION
    version, run_id = _row(path, query, (model.name, model.alias or model.version), model)
    return cached_name(str(version), run_id)


def _ask_database_for_canary(path: Path, model: ModelUri) -> WantedCanary:
    version, run_id, share = _row(path, _CANARY, (SHARE_TAG, model.name, model.alias), model)
    return WantedCanary(cached_name(str(version), run_id), share or "")


def _row(path: Path, query: str, parameters: tuple[str, ...], model: ModelUri) -> tuple[Any, ...]:
    try:
        with opened(path) as database:
            found: tuple[Any, ...] | None = database.execute(query, parameters).fetchone()
    except sqlite3.Error as error:
        raise RegistryUnavailable(f"the model registry at {path} cannot be read: {error}") from error
    if found is None:
        raise ModelNotFound(f"the registry has no {model}")
    return found


def _ask_server(server: TrackingServer, model: ModelUri) -> str:
    return _version(server, model)[0]


def _ask_server_for_canary(server: TrackingServer, model: ModelUri) -> WantedCanary:
    name, tags = _version(server, model)
    return WantedCanary(name, tags.get(SHARE_TAG, ""))


def _version(server: TrackingServer, model: ModelUri) -> tuple[str, dict[str, str]]:
    """Return the name of a version in the cache, and its tags."""
    call, which = "model-versions/get", {"version": model.version}
    if model.alias:
        call, which = "registered-models/alias", {"alias": model.alias}
    try:
        version = server.get(call, {"name": model.name} | which)["model_version"]
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", ())}
        return cached_name(version["version"], version.get("run_id")), tags
    except urllib.error.HTTPError as error:
        if error.code in NOT_FOUND:
            raise ModelNotFound(f"the registry has no {model}") from error
        raise RegistryUnavailable(f"the model registry at {server.address} responds with {error}") from error
    except (OSError, ValueError, KeyError) as error:
        raise RegistryUnavailable(
            f"the model registry at {server.address} does not answer: {error}; check MLFLOW_TRACKING_URI"
        ) from error
