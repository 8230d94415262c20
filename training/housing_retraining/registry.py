"""The model registry, as far as a retraining has to do with it: which version an alias names, and moving it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from housing_retraining.errors import RegistryFailed
from housing_training.registry.tracking import quieten

CHAMPION = "champion"
"""The alias of what is served."""
CHALLENGER = "challenger"
"""The alias of what may become the champion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """A version of the model."""

    version: str
    """Its number."""
    run_id: str
    """The MLflow run that it came from."""
    aliases: tuple[str, ...] = ()
    """The aliases that name it."""


class ModelRegistry:
    """The versions of a registered model in MLflow.

    Every method raises RegistryFailed when the registry does not answer.
    """

    def __init__(self, uri: str, name: str) -> None:
        quieten(os.environ)
        # Takes seconds and hundreds of megabytes: only who gets here pays.
        from mlflow import MlflowClient  # noqa: PLC0415

        self._uri, self._name = uri, name
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names; None when there is none."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        with self._failures():
            try:
                found = self._client.get_model_version_by_alias(self._name, alias)
            except MlflowException as error:
                if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                    return None
                raise
        return RegisteredVersion(version=str(found.version), run_id=str(found.run_id))

    def point(self, alias: str, version: str) -> None:
        """Have an alias name a version."""
        with self._failures():
            self._client.set_registered_model_alias(self._name, alias, version)

    def tag(self, run_id: str, name: str, value: str) -> None:
        """Put a tag on the run of a version."""
        with self._failures():
            self._client.set_tag(run_id, name, value)

    def log_json(self, run_id: str, content: dict[str, object], path: str) -> None:
        """Put a file on record with the run of a version."""
        with self._failures():
            self._client.log_dict(run_id, content, path)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            yield
        except MlflowException as error:
            reason = (str(error).splitlines() or ["no reason given"])[0]
            raise RegistryFailed(f"MLflow at {self._uri} failed: {reason} (is MLFLOW_TRACKING_URI right?)") from error
