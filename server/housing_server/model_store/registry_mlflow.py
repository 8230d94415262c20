"""A registry of any kind, read by MLflow itself; importing MLflow takes seconds and hundreds of megabytes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from housing_server.errors import ModelNotFound, RegistryUnavailable
from housing_server.model_store.local_files import not_fetched
from housing_server.model_store.registry import RegisteredVersion, Run
from housing_server.model_store.uri import ModelUri

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # MLflow's own retries take minutes: an operator needs to know at once that the registry is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


class MlflowRegistry:
    """Whatever MLflow's variables name; see `Registry`."""

    def __init__(self, tracking_uri: str) -> None:
        """Import MLflow, after its settings are in the environment.

        Raises:
            RegistryUnavailable: MLflow is not installed.
        """
        os.environ.update({name: value for name, value in _DEFAULTS.items() if name not in os.environ})
        os.environ["MLFLOW_TRACKING_URI"] = tracking_uri
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - see above
        except ModuleNotFoundError as error:
            raise RegistryUnavailable(
                "only MLflow can read this registry or its files, and it is not installed: pip install '.[registry]', "
                "or let a tracking server hand out its files (`mlflow server --serve-artifacts`)"
            ) from error
        self._client = MlflowClient()

    def find(self, model: ModelUri) -> RegisteredVersion:
        """Return the version that a URI names."""
        found = self._find(model)
        # Where its files are is for MLflow to find out.
        location = f"models:/{found.name}/{found.version}"
        return RegisteredVersion(
            name=found.name, version=str(found.version), run_id=found.run_id or "", location=location
        )

    def run(self, run_id: str) -> Run:
        """Return a run."""
        try:
            run = self._client.get_run(run_id)
        except Exception as error:  # stores raise errors of their own libraries
            raise _unavailable(error) from error
        return Run(run_id=run_id, start_time=run.info.start_time, tags=run.data.tags, metrics=run.data.metrics)

    def download(self, version: RegisteredVersion, destination: Path) -> Path:
        """Download a version's files; those that are named by their own address come in a folder of that name."""
        from mlflow.artifacts import download_artifacts  # noqa: PLC0415

        source = f"models:/{version.name}/{version.version}"
        try:
            return Path(download_artifacts(artifact_uri=source, dst_path=str(destination)))
        except Exception as error:  # stores raise errors of their own libraries
            raise not_fetched(version, str(error)) from error

    def _find(self, model: ModelUri) -> "ModelVersion":
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            if model.alias:
                return self._client.get_model_version_by_alias(model.name, model.alias)
            return self._client.get_model_version(model.name, model.version)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise ModelNotFound(f"the registry has no {model}") from error
            raise _unavailable(error) from error
        except Exception as error:  # stores raise errors of their own libraries
            raise _unavailable(error) from error


def _unavailable(error: Exception) -> RegistryUnavailable:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return RegistryUnavailable(f"the model registry does not answer ({reason}): check MLFLOW_TRACKING_URI")
