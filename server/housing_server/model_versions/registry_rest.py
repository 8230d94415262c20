"""A registry behind MLflow's REST API."""

import urllib.error
from collections.abc import Mapping, Sequence
from typing import Any

from housing_server.errors import ModelRegistryUnavailable
from housing_server.model_store.tracking_server import TrackingServer
from housing_server.model_versions.version import RegisteredVersion

_NOT_FOUND = 404
_AT_ONCE = 200
"""Versions and runs read by one call."""


class RestVersions:
    """See `VersionRegistry`."""

    def __init__(self, server: TrackingServer) -> None:
        """Set the tracking server; nothing is sent yet."""
        self._server = server

    def versions(self, name: str, count: int) -> Sequence[RegisteredVersion]:
        """Return the newest versions of a model, the newest first."""
        found = self._pages("model-versions/search", {"filter": f"name='{name}'"}, "model_versions")
        newest = sorted(found, key=lambda each: -int(each["version"]))[:count]
        errors = self._errors([each["run_id"] for each in newest if each.get("run_id")])
        return [
            RegisteredVersion(
                version=str(each["version"]),
                run_id=each.get("run_id", ""),
                registered_at_us=int(each.get("creation_timestamp", 0)) * 1000,
                test_rmse=errors.get(each.get("run_id", "")),
            )
            for each in newest
        ]

    def aliases(self, name: str) -> Mapping[str, str]:
        """Return the version that each alias of a model names."""
        found = self._get("registered-models/get", {"name": name})
        model = {} if found is None else found["registered_model"]
        return {each["alias"]: str(each["version"]) for each in model.get("aliases", [])}

    def exists(self, name: str, version: str) -> bool:
        """Return whether a model has a version."""
        return self._get("model-versions/get", {"name": name, "version": version}) is not None

    def point(self, name: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        try:
            self._server.post("registered-models/alias", {"name": name, "alias": alias, "version": version})
        except (OSError, ValueError) as error:
            raise self._unavailable(error) from error

    def _errors(self, run_ids: Sequence[str]) -> dict[str, float]:
        """Return the errors on test rows that runs have on record, by run."""
        errors: dict[str, float] = {}
        for run_id in run_ids:
            run = self._get("runs/get", {"run_id": run_id})
            for metric in run["run"]["data"].get("metrics", []) if run else []:
                if metric["key"] == "test_rmse":
                    errors[run_id] = float(metric["value"])
        return errors

    def _pages(self, call: str, query: Mapping[str, str], field: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self._get(call, {**query, "max_results": str(_AT_ONCE), "page_token": token}) or {}
            found += page.get(field, [])
            token = page.get("next_page_token", "")
            if not token:
                return found

    def _get(self, call: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        """Return a response; None when what is asked for does not exist."""
        try:
            answer: dict[str, Any] = self._server.get(call, query)
        except urllib.error.HTTPError as error:
            if error.code == _NOT_FOUND:
                return None
            raise self._unavailable(error) from error
        except (OSError, ValueError) as error:
            raise self._unavailable(error) from error
        return answer

    def _unavailable(self, error: Exception) -> ModelRegistryUnavailable:
        return ModelRegistryUnavailable(f"the model registry at {self._server.address} does not answer: {error}")
