"""The model registry: versions, aliases and tags."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from housing.sqlite_uris import sqlite_path, sqlite_uri
from housing_retraining.errors import RegistryFailed
from housing_training.registry.tracking import quieten

CHAMPION = "champion"
"""The alias of the served version."""
CHALLENGER = "challenger"
"""The alias of the version that may become the champion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """A version of the model."""

    version: str
    """Its number."""
    run_id: str
    """Id of its MLflow run."""
    aliases: tuple[str, ...] = ()
    """The aliases that name it."""
    registered_at_us: int = 0
    """When it was registered, in microseconds since the epoch; 0 if not read."""
    test_rmse: float | None = None
    """The RMSE on the test rows, in USD; None if not measured or not read."""


class ModelRegistry:
    """The versions of a registered model in MLflow.

    Every method raises RegistryFailed when the registry is not available.
    """

    def __init__(self, uri: str, name: str) -> None:
        quieten(os.environ)
        # Takes seconds and hundreds of megabytes, so only when the registry is used.
        from mlflow import MlflowClient  # noqa: PLC0415

        self._uri, self._name = uri, name
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names; None without one."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        with self._failures():
            try:
                found = self._client.get_model_version_by_alias(self._name, alias)
            except MlflowException as error:
                if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                    return None
                raise
        return RegisteredVersion(version=str(found.version), run_id=str(found.run_id))

    def versions(self) -> list[RegisteredVersion]:
        """Return all versions, the newest first, with aliases and test errors."""
        with self._failures():
            found = self._client.search_model_versions(f"name='{self._name}'")
            aliases = self._client.get_registered_model(self._name).aliases if found else {}
            named: dict[str, list[str]] = {}
            for alias, version in aliases.items():
                named.setdefault(str(version), []).append(alias)
            return [
                RegisteredVersion(
                    version=str(each.version),
                    run_id=str(each.run_id),
                    aliases=tuple(sorted(named.get(str(each.version), []))),
                    registered_at_us=each.creation_timestamp * 1000,
                    test_rmse=self._client.get_run(each.run_id).data.metrics.get("test_rmse") if each.run_id else None,
                )
                for each in sorted(found, key=lambda version: -int(version.version))
            ]

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""
        with self._failures():
            self._client.set_registered_model_alias(self._name, alias, version)

    def drop_alias(self, alias: str) -> None:
        """Remove an alias; without effect if it does not exist."""
        with self._failures():
            self._client.delete_registered_model_alias(self._name, alias)

    def tag_version(self, version: str, name: str, value: str) -> None:
        """Set a tag of a version."""
        with self._failures():
            self._client.set_model_version_tag(self._name, version, name, value)

    def version_tags(self, version: str) -> dict[str, str]:
        """Return the tags of a version."""
        with self._failures():
            return dict(self._client.get_model_version(self._name, version).tags)

    def tag(self, run_id: str, name: str, value: str) -> None:
        """Set a tag of a run."""
        with self._failures():
            self._client.set_tag(run_id, name, value)

    def log_json(self, run_id: str, content: dict[str, object], path: str) -> None:
        """Log a file with a run."""
        with self._failures():
            self._client.log_dict(run_id, content, path)

    def log_text(self, run_id: str, content: str, path: str) -> None:
        """Log a file with a run."""
        with self._failures():
            self._client.log_text(run_id, content, path)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            yield
        except MlflowException as error:
            reason = (str(error).splitlines() or ["no reason given"])[0]
            raise RegistryFailed(f"MLflow at {self._uri} failed: {reason} (is MLFLOW_TRACKING_URI right?)") from error


def absolute(uri: str) -> str:
    """Return a registry's address with an absolute path, for other working directories."""
    path = sqlite_path(uri)
    return uri if path is None else sqlite_uri(path)
