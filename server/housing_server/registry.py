"""Finding a model in the MLflow registry and fetching it: run as a process of its own.

`python -m housing_server.registry` takes a `models:/` URI and a cache folder, prints the folder of the fetched model
and exits; what goes wrong is one line on standard error. MLflow takes seconds to import and hundreds of megabytes, so
neither the supervisor nor a worker imports it.
"""

import asyncio
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from housing.contract import FEATURES
from housing.v1.model_service_pb2 import Feature, Model
from housing_server.errors import ModelNotFound, ModelRejected, RegistryUnavailable, StartError
from housing_server.model_files import DESCRIPTION_FILE, GRAPH_FILE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own patience is minutes long: an operator wants to hear at once that the registry is gone.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
_TRAIN = "train one with `housing train`"


async def fetch_model(model_uri: str, state_dir: Path) -> Path:
    """Fetch a registered model, in a process of its own, into the cache under the state folder.

    Returns:
        The folder with the model's files and its description.

    Raises:
        StartError: the registry, the model or its files are not to be had; the message says what to do.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "housing_server.registry", model_uri, str(state_dir)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines() or ["fetching the model failed"]
        raise StartError(lines[-1])
    return Path(output.decode().strip().splitlines()[-1])


def tracking_uri(state_dir: Path) -> str:
    """Tell where the registry is: MLFLOW_TRACKING_URI, or the SQLite store that training makes by default.

    Raises:
        RegistryUnavailable: it is a SQLite file that does not exist; MLflow would quietly make an empty one.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(state_dir / 'mlflow.db').absolute()}"
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise RegistryUnavailable(f"there is no model registry at {uri}: {_TRAIN}, or set MLFLOW_TRACKING_URI")
    return uri


def fetch(model_uri: str, state_dir: Path) -> Path:
    """Find a model by its URI and make sure that its files are in the cache.

    Raises:
        RegistryUnavailable: the registry does not answer.
        ModelNotFound: it holds no such model.
        ModelRejected: the version's files are not to be had.
    """
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    os.environ["MLFLOW_TRACKING_URI"] = tracking_uri(state_dir)
    from mlflow import MlflowClient  # noqa: PLC0415 - imported only once its settings are in the environment

    client = MlflowClient()
    alias, version = _find_version(client, model_uri)
    if version.run_id is None:
        raise ModelRejected(f"{model_uri} was registered without a run, so nothing is known of it: log it in a run")
    # Version numbers start again when a registry is made anew, run ids do not.
    folder = (state_dir / "models" / version.name / f"{version.version}-{version.run_id}").absolute()
    if not (folder / DESCRIPTION_FILE).exists():
        _download(version, folder)
    description = _describe(version, client.get_run(version.run_id), alias, folder)
    _write(folder / DESCRIPTION_FILE, json_format.MessageToJson(description))
    return folder


def _find_version(client: "MlflowClient", model_uri: str) -> tuple[str, "ModelVersion"]:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    name, alias, number = _parse(model_uri)
    try:
        if alias:
            return alias, client.get_model_version_by_alias(name, alias)
        return "", client.get_model_version(name, number)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise ModelNotFound(f"the registry has no {model_uri}: {_TRAIN}, or set HOUSING_MODEL_URI") from error
        reason = str(error).splitlines()[0]
        raise RegistryUnavailable(
            f"the model registry does not answer ({reason}): check MLFLOW_TRACKING_URI"
        ) from error


def _parse(model_uri: str) -> tuple[str, str, str]:
    """Take `models:/NAME@ALIAS` or `models:/NAME/VERSION` apart into name, alias and version."""
    reference = model_uri.removeprefix("models:/")
    for separator in "@/":
        name, found, rest = reference.rpartition(separator)
        if found and name and rest and reference != model_uri:
            return (name, rest, "") if separator == "@" else (name, "", rest)
    raise ModelNotFound(f"HOUSING_MODEL_URI must be models:/NAME@ALIAS or models:/NAME/VERSION, not {model_uri}")


def _download(version: "ModelVersion", folder: Path) -> None:
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415

    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the last step is one rename: a folder in the cache is whole or absent.
    with TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            source = f"models:/{version.name}/{version.version}"
            download_artifacts(artifact_uri=source, dst_path=scratch)
        except Exception as error:  # stores raise errors of their own libraries
            raise ModelRejected(f"the files of {source} cannot be fetched: {error}") from error
        shutil.rmtree(folder, ignore_errors=True)
        Path(scratch).chmod(0o755)  # the scratch folder is for its maker alone, the cache for whoever runs the server
        Path(scratch).rename(folder)
        Path(scratch).mkdir()  # for the context manager to remove


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
    """Fetch and print the folder, or print what is wrong in one line."""
    try:
        print(fetch(model_uri, Path(state_dir)))  # noqa: T201 - this is the answer to the parent process
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - likewise
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
