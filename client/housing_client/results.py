"""Results of the client: plain values without a connection, and without a message except a model's profile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from housing.features import Feature
from housing.v1 import model_profile_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionWarning:
    """Something unusual about a block group that was predicted nevertheless."""

    reason: str
    """Stable reason, in UPPER_SNAKE_CASE."""
    field: str
    """Name of the field concerned."""
    message: str
    """Description of the warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionInterval:
    """An interval that contains the true value with a stated probability."""

    lower: float
    """Lower bound, in 1990 USD."""
    upper: float
    """Upper bound, in 1990 USD."""
    coverage: float
    """Share of such intervals that contain the true value."""
    upper_open: bool
    """Whether the upper bound has reached the census's cap, so that the true value may lie above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The prediction for a block group."""

    prediction_id: str
    """Unique id of the prediction."""
    median_house_value: float
    """Predicted median value of the owner-occupied homes, in 1990 USD."""
    interval: PredictionInterval | None
    """The prediction interval; None when the model has none."""
    model_name: str
    """Name of the registered model that computed it."""
    model_version: str
    """Version of that model."""
    predicted_at: datetime
    """Time of the prediction by the server's clock, in UTC."""
    warnings: tuple[PredictionWarning, ...]
    """Warnings about the block group; empty for most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """The contribution of a field to the price."""

    field: str
    """Name of the field."""
    contribution: float
    """How far the field's value moves the price from the base value, in 1990 USD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The explanation of a price: the base value plus all contributions equals it, to within a dollar."""

    median_house_value: float
    """Predicted median value of the owner-occupied homes, in 1990 USD."""
    interval: PredictionInterval | None
    """The prediction interval; None when the model has none."""
    base_value: float
    """The model's mean price for block groups like those it was trained on, in 1990 USD."""
    contributions: tuple[Contribution, ...]
    """The contribution of each field, in the order of the fields."""
    unbounded_value: float
    """The price without the limits of the range of training prices, in 1990 USD."""
    model_name: str
    """Name of the registered model."""
    model_version: str
    """Version of that model."""
    warnings: tuple[PredictionWarning, ...]
    """Warnings about the block group; empty for most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The served model."""

    name: str
    """Name in the registry."""
    version: str
    """Version in the registry."""
    alias: str
    """Alias by which the version was found; empty when it is configured by number."""
    run_id: str
    """Id of the MLflow run that trained it."""
    algorithm: str
    """The kind of model, for example `xgboost`."""
    runtime: str
    """Its runtime: `onnx` or `pyfunc`."""
    trained_at: datetime | None
    """Start of its training run, in UTC; None when unknown."""
    data_sha256: str
    """SHA-256 of its training table; empty when not recorded."""
    git_commit: str
    """Commit of the training code; empty when not recorded."""
    metrics: Mapping[str, float]
    """Metrics of training: `*_rmse` and `*_mae` in USD, `*_mape` and `*_r2` as fractions."""
    features: tuple[Feature, ...]
    """The fields it reads, in the order of its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """Distributions of the served model's inputs and answers at training time."""

    model_name: str
    """Name in the registry."""
    model_version: str
    """Version in the registry."""
    profile: model_profile_pb2.ModelProfile
    """The contract's own message, which `housing.profile` compares values with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The served model's card."""

    model_name: str
    """Name in the registry."""
    model_version: str
    """Version in the registry."""
    markdown: str
    """Its data, its quality, where it is weak, and its intended use, in Markdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The processes that serve calls."""

    configured: int
    """Configured number of workers."""
    serving: int
    """Workers that serve calls."""
    restarts: int
    """Restarts of workers since the service was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Use of the host's resources."""

    cpu_cores_used: float
    """Processors in use, over about the last second."""
    cpu_cores: int
    """Processors available to the service."""
    memory_used_bytes: float
    """Resident memory of all processes of the service."""
    memory_total_bytes: float
    """Memory of the host."""
    disk_used_bytes: float
    """Used part of the disk that holds the service's files."""
    disk_total_bytes: float
    """Size of that disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionLogState:
    """The state of the prediction log."""

    enabled: bool
    """Whether predictions are recorded."""
    store_up: bool
    """Whether the last write to the store succeeded."""
    backlog_rows: int
    """Predictions in journals that are not in the store yet."""
    problem: str
    """Why the last write failed; empty when it succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of the service."""

    status: str
    """`SERVING`, `DEGRADED` (fewer workers than configured, or a problem of the prediction log) or `NOT_SERVING`."""
    model_loaded: bool
    """Whether a model is loaded and warmed up."""
    model_name: str
    """Name of the loaded model; empty without one."""
    model_version: str
    """Version of the loaded model; empty without one."""
    uptime_seconds: float
    """Seconds since the service was started."""
    workers: Workers
    resources: Resources
    prediction_log: PredictionLogState
