"""A program that finds a model in the MLflow registry and fetches it, run by `fetch_model`.

`python -m housing_server.model_store.mlflow_fetch` takes a `models:/` URI and a state folder, prints the folder of the
fetched model and exits; errors are one line on standard error. SQLite files, and tracking servers that hand out files,
are read directly; MLflow is imported for all others. It copies files and loads none of them: code in a model's files
must not run in this process, which has access to the registry.
"""

import os
import shutil
import sys
import urllib.parse
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from housing.features import FEATURES
from housing.graph import DIGEST_TAG
from housing.sqlite_uris import sqlite_path
from housing.v1.model_service_pb2 import Feature, Model
from housing_server.errors import ModelNotFound, ModelRejected, RegistryUnavailable, StartError
from housing_server.model_store.cache import FETCHING, cache_folder
from housing_server.model_store.checksums import has_digest, is_whole, write_checksums
from housing_server.model_store.fetching import registry_uri, tracking_uri
from housing_server.model_store.files import DESCRIPTION_FILE, GRAPH_FILE
from housing_server.model_store.local_files import not_fetched
from housing_server.model_store.lookup import cached_name, is_direct
from housing_server.model_store.registry import RegisteredVersion, Registry, Run
from housing_server.model_store.registry_mlflow import MlflowRegistry
from housing_server.model_store.registry_rest import PROXIED, RestRegistry
from housing_server.model_store.registry_sqlite import SqliteRegistry
from housing_server.model_store.relocation import local_path
from housing_server.model_store.tracking_server import TrackingServer
from housing_server.model_store.uri import ModelUri

_TRAIN = "train one with `housing train`"


def fetch(model_uri: str, state_dir: Path) -> Path:
    """Resolve a model URI, and download its files into the cache unless they are there.

    Raises:
        RegistryUnavailable: the registry is not available.
        ModelNotFound: the registry has no such model.
        ModelRejected: the version's files are not available, or its graph is not the one that was registered.
    """
    models, runs = registry_uri(state_dir), tracking_uri(state_dir)
    for database in filter(None, map(sqlite_path, (models, runs))):
        if not database.exists():  # MLflow would silently create an empty one
            raise RegistryUnavailable(f"there is no model registry at {runs}: {_TRAIN}, or set MLFLOW_TRACKING_URI")
    registry = _open(models, runs)
    model = ModelUri.parse(model_uri)
    version = _find(registry, model)
    folder = cache_folder(state_dir, version.name) / cached_name(version.version, version.run_id)
    run = (_open(runs, runs) if models != runs else registry).run(version.run_id)
    if not is_whole(folder):
        store = registry if _reaches(models, version) else MlflowRegistry(runs)
        _download(store, version, folder, run.tags.get(DIGEST_TAG))
    _write(folder / DESCRIPTION_FILE, json_format.MessageToJson(_describe(version, run, model.alias, folder)))
    return folder


def _open(uri: str, tracking: str) -> Registry:
    if not is_direct(uri, os.environ):
        return MlflowRegistry(tracking)
    database = sqlite_path(uri)
    return SqliteRegistry(database) if database else RestRegistry(TrackingServer(uri, os.environ))


def _find(registry: Registry, model: ModelUri) -> RegisteredVersion:
    try:
        return registry.find(model)
    except ModelNotFound as error:
        raise ModelNotFound(f"{error}: {_TRAIN}, or set HOUSING_MODEL_URI") from error


def _reaches(uri: str, version: RegisteredVersion) -> bool:
    """Return whether the files of a version are where its registry is read directly; other stores are MLflow's."""
    address = urllib.parse.urlsplit(version.location)
    proxied = address.scheme == PROXIED and not address.netloc and sqlite_path(uri) is None
    return not is_direct(uri, os.environ) or proxied or local_path(version.location) is not None


def _download(registry: Registry, version: RegisteredVersion, folder: Path, digest: str | None) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the last step is one rename: no other process sees an incomplete folder.
    with TemporaryDirectory(prefix=FETCHING, dir=folder.parent) as scratch:
        destination = Path(scratch) / "files"
        destination.mkdir()
        files = registry.download(version, destination)
        if not (files / "MLmodel").exists():  # a missing folder downloads as an empty one
            raise not_fetched(version, f"its artifacts hold no MLmodel; {_TRAIN} again")
        if digest is not None and not has_digest(files / GRAPH_FILE, digest):
            raise ModelRejected(
                f"version {version.version}: its graph is not the one that was registered; find out who can write "
                "to the artifacts of the registry"
            )
        write_checksums(files)
        shutil.rmtree(folder, ignore_errors=True)  # a version that was damaged since it was fetched
        files.chmod(0o755)  # whatever the umask is: the cache is readable for whoever runs the server
        files.rename(folder)


def _describe(version: RegisteredVersion, run: Run, alias: str, folder: Path) -> Model:
    trained_at = Timestamp()
    trained_at.FromMilliseconds(run.start_time)
    return Model(
        name=version.name,
        version=version.version,
        alias=alias,
        run_id=run.run_id,
        algorithm=run.tags.get("algorithm", ""),
        runtime="onnx" if (folder / GRAPH_FILE).exists() else "pyfunc",
        trained_at=trained_at,
        data_sha256=run.tags.get("data_sha256", ""),
        git_commit=run.tags.get("git_commit", ""),
        metrics=run.metrics,
        features=[
            Feature(
                name=feature.name,
                unit=feature.unit,
                required=feature.required,
                minimum=feature.minimum,
                maximum=feature.maximum,
                choices=feature.choices,
            )
            for feature in FEATURES
        ],
    )


def _write(path: Path, text: str) -> None:
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def main(model_uri: str, state_dir: str) -> int:
    """Fetch the model and print its folder, or print the error in one line."""
    try:
        print(fetch(model_uri, Path(state_dir)))  # noqa: T201 - the parent process reads it
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - likewise
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
