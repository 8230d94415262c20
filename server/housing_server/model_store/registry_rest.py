"""A registry behind MLflow's REST API, read without MLflow."""

import shutil
import urllib.error
import urllib.parse
from pathlib import Path

from housing_server.errors import ModelNotFound, RegistryUnavailable
from housing_server.model_store.local_files import copy_local, not_fetched
from housing_server.model_store.registry import RegisteredVersion, Run
from housing_server.model_store.relocation import local_path
from housing_server.model_store.tracking_server import NOT_FOUND, TrackingServer
from housing_server.model_store.uri import ModelUri

PROXIED = "mlflow-artifacts"
"""Scheme of locations whose files the tracking server hands out itself."""

_FILES = "api/2.0/mlflow-artifacts/artifacts"
_MAX_DEPTH = 8
"""How deep folders of a model may nest: no more than a server that loops can cost."""


class RestRegistry:
    """A tracking server; see `Registry`."""

    def __init__(self, server: TrackingServer) -> None:
        """Set the server; nothing is sent yet."""
        self._server = server

    def find(self, model: ModelUri) -> RegisteredVersion:
        """Return the version that a URI names."""
        call, which = "model-versions/get", {"version": model.version}
        if model.alias:
            call, which = "registered-models/alias", {"alias": model.alias}
        try:
            found = self._server.get(call, {"name": model.name} | which)["model_version"]
            name, version = found["name"], str(found["version"])
            location = self._server.get("model-versions/get-download-uri", {"name": name, "version": version})
            return RegisteredVersion(
                name=name, version=version, run_id=found.get("run_id", ""), location=location["artifact_uri"]
            )
        except urllib.error.HTTPError as error:
            if error.code in NOT_FOUND:
                raise ModelNotFound(f"the registry has no {model}") from error
            raise self._unavailable(error) from error
        except (OSError, ValueError, KeyError) as error:
            raise self._unavailable(error) from error

    def run(self, run_id: str) -> Run:
        """Return a run."""
        try:
            run = self._server.get("runs/get", {"run_id": run_id})["run"]
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
        for entry in self._server.read(_FILES, {"path": path}).get("files", []):
            name = entry["path"]
            if name in {"", ".", ".."} or "/" in name or not depth:
                raise ValueError(f"the server lists {name!r}, which is not the name of a file")
            below = f"{path}/{name}"
            if entry.get("is_dir"):
                self._copy(below, folder / name, depth - 1)
                continue
            with (
                self._server.open(f"{_FILES}/{urllib.parse.quote(below)}") as response,
                (folder / name).open("wb") as file,
            ):
                shutil.copyfileobj(response, file, 1 << 20)

    def _unavailable(self, error: Exception) -> RegistryUnavailable:
        return RegistryUnavailable(
            f"the model registry at {self._server.address} does not answer: {error}; check MLFLOW_TRACKING_URI"
        )
