"""A model registry as a fetch reads it: a version, the run that it was registered from, and its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from housing_server.model_store.uri import ModelUri


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredVersion:
    """A version of a registered model."""

    name: str
    """Name of the model."""
    version: str
    """Number of the version."""
    run_id: str
    """Id of the run that it was registered from; empty without one."""
    location: str
    """URI or path of its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of training."""

    run_id: str
    """Its id."""
    start_time: int
    """When it began, in milliseconds since 1970."""
    tags: Mapping[str, str]
    """Its tags."""
    metrics: Mapping[str, float]
    """The latest value of each of its metrics."""


class Registry(Protocol):
    """A model registry with the runs of its models."""

    def find(self, model: ModelUri) -> RegisteredVersion:
        """Return the version that a URI names.

        Raises:
            ModelNotFound: the registry has no such model.
            RegistryUnavailable: it does not answer.
        """

    def run(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            RegistryUnavailable: the registry does not answer, or has no such run.
        """

    def download(self, version: RegisteredVersion, destination: Path) -> Path:
        """Copy a version's files into an empty folder; return the folder that holds them.

        Raises:
            ModelRejected: they are not available.
        """
