"""A registry behind MLflow's REST API, read without MLflow."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from housing_server.errors import ModelNotFound, RegistryUnavailable
from housing_server.model_store.local_files import copy_local, not_fetched
from housing_server.model_store.registry import RegisteredVersion, Run
from housing_server.model_store.relocation import local_path
from housing_server.model_store.uri import ModelUri

PROXIED = "mlflow-artifacts"
"""Scheme of locations whose files the tracking server hands out itself."""

_API = "api/2.0/mlflow"
_FILES = "api/2.0/mlflow-artifacts/artifacts"
_NOT_FOUND = frozenset({400, 404})
"""MLflow's codes for an unknown model and an unknown alias."""
_MAX_DEPTH = 8
"""How deep folders of a model may nest: no more than a server that loops can cost."""


class RestRegistry:
    """A tracking server; see `Registry`."""

    def __init__(self, address: str, headers: Mapping[str, str], seconds: float) -> None:
        """Set how to reach the server; nothing is sent yet.

        Args:
            address: its URL.
            headers: sent with each request; these hold the credentials.
            seconds: how long each response may take to begin.
        """
        self._address = address.rstrip("/")
        self._headers = dict(headers)
        self._seconds = seconds

    def find(self, model: ModelUri) -> RegisteredVersion:
        """Return the version that a URI names."""
        call, which = "model-versions/get", {"version": model.version}
        if model.alias:
            call, which = "registered-models/alias", {"alias": model.alias}
        try:
            found = self._get(f"{_API}/{call}", {"name": model.name} | which)["model_version"]
            name, version = found["name"], str(found["version"])
            location = self._get(f"{_API}/model-versions/get-download-uri", {"name": name, "version": version})
            return RegisteredVersion(
                name=name, version=version, run_id=found.get("run_id", ""), location=location["artifact_uri"]
            )
        except urllib.error.HTTPError as error:
            if error.code in _NOT_FOUND:
                raise ModelNotFound(f"the registry has no {model}") from error
            raise self._unavailable(error) from error
        except (OSError, ValueError, KeyError) as error:
            raise self._unavailable(error) from error

    def run(self, run_id: str) -> Run:
        """Return a run."""
        try:
            run = self._get(f"{_API}/runs/get", {"run_id": run_id})["run"]
            data = run["data"]
            return Run(
                run_id=run_id,
                start_time=int(run["info"]["start_time"]),
                tags={tag["key"]: tag["value"] for tag in data.get("tags", [])},
                metrics={metric["key"]: float(metric["value"]) for metric in data.get("metrics", [])},
            )
        except (OSError, ValueError, KeyError) as error:
            raise self._unavailable(error) from error

    def download(self, version: RegisteredVersion, destination: Path) -> Path:
        """Download a version's files through the server, or copy them if they are on this machine."""
        if local_path(version.location) is not None:
            return copy_local(version, destination)
        path = urllib.parse.urlsplit(version.location).path.strip("/")
        try:
            self._copy(path, destination, _MAX_DEPTH)
        except (OSError, ValueError, KeyError) as error:
            raise not_fetched(version, str(error)) from error
        return destination

    def _copy(self, path: str, folder: Path, depth: int) -> None:
        folder.mkdir(exist_ok=True)
        for entry in self._get(_FILES, {"path": path}).get("files", []):
            name = entry["path"]
            if name in {"", ".", ".."} or "/" in name or not depth:
                raise ValueError(f"the server lists {name!r}, which is not the name of a file")
            below = f"{path}/{name}"
            if entry.get("is_dir"):
                self._copy(below, folder / name, depth - 1)
                continue
            with self._open(f"{_FILES}/{urllib.parse.quote(below)}") as response, (folder / name).open("wb") as file:
                shutil.copyfileobj(response, file, 1 << 20)

    def _get(self, call: str, query: Mapping[str, str]) -> Any:
        with self._open(f"{call}?{urllib.parse.urlencode(query)}") as response:
            return json.load(response)

    def _open(self, path: str) -> Any:
        request = urllib.request.Request(f"{self._address}/{path}", headers=self._headers)  # noqa: S310 - see direct.py
        return urllib.request.urlopen(request, timeout=self._seconds)  # noqa: S310 - likewise

    def _unavailable(self, error: Exception) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"the model registry at {self._address} does not answer: {error}; check MLFLOW_TRACKING_URI"
        )
