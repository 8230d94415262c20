"""The engines by name, opened for the registered model."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from housing.v1.model_service_pb2 import Model
from housing_server.errors import ClusterUnavailable
from housing_server.model_store.files import read_allowed
from housing_server.model_store.source import ModelSource
from housing_server.models.loading import load_model
from housing_server.scoring.engine import Engine, LocalEngine
from housing_server.scoring.scoring import BadRows, Scorer
from housing_server.scoring.shipped import ShippedModel
from housing_server.settings import ServerSettings, read_settings


class EngineName(StrEnum):
    """What scores."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """The registered model that this machine has fetched."""

    folder: Path
    """Its files."""
    allow_pyfunc: bool
    """Whether models that run code of their own when loaded are allowed."""

    @classmethod
    def find(cls) -> RegisteredModel:
        """Find the version that the settings name, and fetch it.

        Raises:
            StartError: it is not available; the message says what to do.
        """
        settings = read_settings(ServerSettings)
        source = ModelSource(settings.model_uri, settings.state_dir, allow_pyfunc=settings.allow_pyfunc)
        return cls(folder=asyncio.run(source.find()), allow_pyfunc=settings.allow_pyfunc)

    @property
    def description(self) -> Model:
        """Its name, version and run."""
        return read_allowed(self.folder, allow_pyfunc=self.allow_pyfunc)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine and its options."""

    name: EngineName
    """Which one."""
    threads: int | None
    """Threads that score one chunk; None for the engine's own number."""
    ray_address: str | None
    """Of a Ray cluster's head; None starts one for this run."""
    workers: int | None
    """Processes of the Ray cluster that is started; None for one a processor."""


@contextmanager
def opened_engine(choice: EngineChoice, model: RegisteredModel, bad_rows: BadRows) -> Iterator[Engine]:
    """Open an engine.

    Args:
        choice: which one.
        model: what it scores with.
        bad_rows: what becomes of bad rows.

    Raises:
        ScoringError: it is not available.
        StartError: the model cannot be loaded.
    """
    opened = _ray if choice.name is EngineName.RAY else _local
    with opened(choice, model, bad_rows) as engine:
        yield engine


def own_cluster() -> dict[str, str]:
    """Return the environment of a Ray cluster of this machine alone: whoever could reach it could run code in it."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # what makes Ray listen on loopback only, on any system
        "RAY_USAGE_STATS_ENABLED": "0",
    }


@contextmanager
def _local(choice: EngineChoice, model: RegisteredModel, bad_rows: BadRows) -> Iterator[Engine]:
    loaded = load_model(model.folder, allow_pyfunc=model.allow_pyfunc).predictor
    with ThreadPoolExecutor(choice.threads or len(os.sched_getaffinity(0))) as pool:
        yield LocalEngine(Scorer(loaded, pool, bad_rows))


@contextmanager
def _ray(choice: EngineChoice, model: RegisteredModel, bad_rows: BadRows) -> Iterator[Engine]:
    if choice.ray_address is None:
        os.environ.update(own_cluster())  # Ray reads it when it is imported
    try:
        from housing_server.scoring.ray_engine import RayEngine, ray_cluster  # noqa: PLC0415 - an extra of its own
    except ModuleNotFoundError as error:
        raise ClusterUnavailable(
            f"--engine ray requires the package {error.name}: pip install '.[server,parquet,ray]'"
        ) from error
    shipped = ShippedModel.of(model.folder, allow_pyfunc=model.allow_pyfunc)
    with ray_cluster(choice.ray_address, choice.workers):
        yield RayEngine(shipped, bad_rows, threads=choice.threads or 1)
