"""Recording the pipeline's files in MLflow: a run for each candidate, and the best one registered."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import onnx
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, infer_signature
from mlflow.utils.logging_utils import disable_logging
from tqdm import tqdm

from housing import card as model_card
from housing import golden as golden_requests
from housing import profile as model_profile
from housing.background import FOLDER
from housing.graph import DIGEST_TAG, INPUT
from housing_training.errors import RegistryError
from housing_training.graph.model import GraphModel
from housing_training.params.schema import RegisterParams
from housing_training.registry.tracking import artifact_location

EXPERIMENT = "california-housing"
"""Experiment that the runs are in."""
PIP_REQUIREMENTS = ("numpy", "onnxruntime")
"""All that a registered graph needs; MLflow would otherwise infer it, which is slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRecord:
    """Everything about a candidate that is recorded."""

    name: str
    """The candidate's name, such as `xgboost`."""
    graph: Path
    """File of its graph."""
    golden: Path
    """File of its golden requests."""
    card: Path
    """Folder of its card and the pictures in it."""
    explanation: Path
    """Folder of what explanations need; some candidates have none."""
    profile: Path
    """File of its profile."""
    hyper_parameters: Mapping[str, Any]
    """Its hyper-parameters."""
    metrics: Mapping[str, float]
    """Cross-validated and test metrics by name."""
    plots: Path
    """Folder of its pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The provenance of all candidates of a run of the pipeline."""

    data_sha256: str
    """SHA-256 of the table they were trained on."""
    git_commit: str
    """Commit of the training code; empty outside a checkout."""
    comparison: Path
    """File that compares the candidates."""
    example: npt.NDArray[np.float64]
    """A few rows as an example of a model's input, float64, shape (n, 9)."""


class Registry:
    """An MLflow store."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def has_version(self, params: RegisterParams) -> bool:
        """Return whether the alias points at a version.

        Raises:
            RegistryError: the store cannot be read.
        """
        try:
            self._client.get_model_version_by_alias(params.model_name, params.alias)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return False
            raise self._failure(error) from error
        return True

    def register(self, records: Sequence[CandidateRecord], provenance: Provenance, params: RegisterParams) -> str:
        """Log all candidates, best first, register the best one and set the alias to it.

        Returns:
            The new version.

        Raises:
            RegistryError: the store is not reachable or refuses.
        """
        try:
            mlflow.set_tracking_uri(self._uri)
            experiment_id = self._experiment()
            model_uris = [
                _log_candidate(record, provenance, experiment_id)
                for record in tqdm(records, desc="register", unit="run")
            ]
            # It would print each step; failures are raised.
            disable_logging()  # type: ignore[no-untyped-call]  # MLflow does not annotate it
            version = mlflow.register_model(model_uris[0], params.model_name).version
            self._client.set_registered_model_alias(params.model_name, params.alias, version)
        except MlflowException as error:
            raise self._failure(error) from error
        return str(version)

    def _experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return str(experiment.experiment_id)
        return self._client.create_experiment(EXPERIMENT, artifact_location=artifact_location(self._uri))

    def _failure(self, error: MlflowException) -> RegistryError:
        reason = str(error).splitlines()[0]
        return RegistryError(
            f"MLflow at {self._uri} failed: {reason} (is MLFLOW_TRACKING_URI right, and is it running?)"
        )


def _log_candidate(record: CandidateRecord, provenance: Provenance, experiment_id: str) -> str:
    """Log a candidate as a run and return the address of its model."""
    tags = {
        "algorithm": record.name,
        "data_sha256": provenance.data_sha256,
        "git_commit": provenance.git_commit,
    }
    with (
        mlflow.start_run(experiment_id=experiment_id, run_name=record.name, tags=tags),
        TemporaryDirectory() as scratch,
    ):
        # MLflow keeps the names of the files.
        files = [
            shutil.copy(record.golden, Path(scratch) / Path(golden_requests.FILE).name),
            shutil.copy(record.profile, Path(scratch) / Path(model_profile.FILE).name),
        ]
        if record.explanation.is_dir():
            files.append(shutil.copytree(record.explanation, Path(scratch) / FOLDER))
        files.extend(record.card / each for each in (Path(model_card.FILE).name, model_card.PICTURES))
        mlflow.log_params(dict(record.hyper_parameters))
        mlflow.log_metrics(dict(record.metrics))
        mlflow.log_artifacts(str(record.plots), "plots")
        mlflow.log_artifact(str(provenance.comparison))
        model = onnx.load(record.graph)
        logged = mlflow.onnx.log_model(
            model,
            name="model",
            signature=_signature(model, provenance.example),
            input_example={INPUT: provenance.example},
            pip_requirements=list(PIP_REQUIREMENTS),
            onnx_execution_providers=["CPUExecutionProvider"],
            save_as_external_data=False,
            extra_files=list(map(str, files)),
        )
        # As MLflow has written it: a server compares the file that it fetches.
        mlflow.set_tag(DIGEST_TAG, hashlib.sha256(model.SerializeToString()).hexdigest())
    return str(logged.model_uri)


def _signature(model: onnx.ModelProto, example: npt.NDArray[np.float64]) -> ModelSignature:
    graph = GraphModel(model)
    return infer_signature({INPUT: example}, graph.answer(example))
