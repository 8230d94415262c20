"""A program that finds a model in the MLflow registry and fetches it, run by `fetch_model`.

`python -m housing_server.model_store.mlflow_fetch` takes a `models:/` URI and a state folder, prints the folder of the
fetched model and exits; errors are one line on standard error. It copies files and loads none of them: code in a
model's files must not run in this process, which has access to the registry.
"""

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from housing.features import FEATURES
from housing.sqlite_uris import sqlite_path
from housing.v1.model_service_pb2 import Feature, Model
from housing_server.errors import ModelNotFound, ModelRejected, RegistryUnavailable, StartError
from housing_server.model_store.cache import FETCHING, cache_folder
from housing_server.model_store.checksums import is_whole, write_checksums
from housing_server.model_store.fetching import tracking_uri
from housing_server.model_store.files import DESCRIPTION_FILE, GRAPH_FILE
from housing_server.model_store.lookup import cached_name
from housing_server.model_store.relocation import moved_artifacts
from housing_server.model_store.uri import ModelUri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own retries take minutes: an operator needs to know at once that the registry is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
_TRAIN = "train one with `housing train`"


def fetch(model_uri: str, state_dir: Path) -> Path:
    """Resolve a model URI, and download its files into the cache unless they are there.

    Raises:
        RegistryUnavailable: the registry is not available.
        ModelNotFound: the registry has no such model.
        ModelRejected: the version's files are not available.
    """
    os.environ.update({name: value for name, value in _DEFAULTS.items() if name not in os.environ})
    os.environ["MLFLOW_TRACKING_URI"] = uri = tracking_uri(state_dir)
    database = sqlite_path(uri)
    if database is not None and not database.exists():
        # MLflow would silently create an empty one.
        raise RegistryUnavailable(f"there is no model registry at {uri}: {_TRAIN}, or set MLFLOW_TRACKING_URI")
    from mlflow import MlflowClient  # noqa: PLC0415 - imported only once its settings are in the environment

    client = MlflowClient()
    model = ModelUri.parse(model_uri)
    version = _find_version(client, model)
    folder = cache_folder(state_dir, version.name) / cached_name(str(version.version), version.run_id)
    if not is_whole(folder):
        _download(version, _source(client, version, database), folder)
    description = _describe(version, client.get_run(str(version.run_id)), model.alias, folder)
    _write(folder / DESCRIPTION_FILE, json_format.MessageToJson(description))
    return folder


def _find_version(client: "MlflowClient", model: ModelUri) -> "ModelVersion":
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        if model.alias:
            return client.get_model_version_by_alias(model.name, model.alias)
        return client.get_model_version(model.name, model.version)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise ModelNotFound(f"the registry has no {model}: {_TRAIN}, or set HOUSING_MODEL_URI") from error
        raise _unavailable(error) from error
    except Exception as error:  # stores raise errors of their own libraries
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> RegistryUnavailable:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return RegistryUnavailable(f"the model registry does not answer ({reason}): check MLFLOW_TRACKING_URI")


def _source(client: "MlflowClient", version: "ModelVersion", database: Path | None) -> str:
    """Return the location of a version's files: the registered one, unless they moved together with the registry."""
    if database is not None:
        location = client.get_model_version_download_uri(version.name, version.version)
        if moved := moved_artifacts(location, database):
            return moved.as_uri()
    return f"models:/{version.name}/{version.version}"


def _download(version: "ModelVersion", source: str, folder: Path) -> None:
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415

    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the last step is one rename: no other process sees an incomplete folder.
    with TemporaryDirectory(prefix=FETCHING, dir=folder.parent) as scratch:
        destination = Path(scratch) / "files"
        destination.mkdir()
        try:
            # Files that are named by their own address come in a folder of that name.
            files = Path(download_artifacts(artifact_uri=source, dst_path=str(destination)))
        except Exception as error:  # stores raise errors of their own libraries
            raise ModelRejected(f"{_not_fetched(version)}: {error}") from error
        if not (files / "MLmodel").exists():  # a missing folder downloads as an empty one
            raise ModelRejected(f"{_not_fetched(version)}: its artifacts hold no MLmodel; {_TRAIN} again")
        write_checksums(files)
        shutil.rmtree(folder, ignore_errors=True)  # a version that was damaged since it was fetched
        files.chmod(0o755)  # whatever the umask is: the cache is readable for whoever runs the server
        files.rename(folder)


def _not_fetched(version: "ModelVersion") -> str:
    return f"the files of models:/{version.name}/{version.version} cannot be fetched"


def _describe(version: "ModelVersion", run: "Run", alias: str, folder: Path) -> Model:
    trained_at = Timestamp()
    trained_at.FromMilliseconds(run.info.start_time)
    return Model(
        name=version.name,
        version=str(version.version),
        alias=alias,
        run_id=run.info.run_id,
        algorithm=run.data.tags.get("algorithm", ""),
        runtime="onnx" if (folder / GRAPH_FILE).exists() else "pyfunc",
        trained_at=trained_at,
        data_sha256=run.data.tags.get("data_sha256", ""),
        git_commit=run.data.tags.get("git_commit", ""),
        metrics=run.data.metrics,
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
