"""What the client returns: plain values that hold no connection, and no message but a model's profile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from housing.contract import Feature
from housing.v1 import model_profile_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionWarning:
    """Something unusual about a block group that was answered all the same."""

    reason: str
    """The warning's stable name, in UPPER_SNAKE_CASE."""
    field: str
    """Name of the field it is about."""
    message: str
    """The warning in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionInterval:
    """Where a true value lies with a stated probability."""

    lower: float
    """Lower bound, in 1990 USD."""
    upper: float
    """Upper bound, in 1990 USD."""
    coverage: float
    """Share of such intervals that hold the true value."""
    upper_open: bool
    """Whether the upper bound has reached the census's cap, so that the true value may lie above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the houses of a block group are worth."""

    prediction_id: str
    """Identifies this prediction for good."""
    median_house_value: float
    """Predicted median value of the owner-occupied homes, in 1990 USD."""
    interval: PredictionInterval | None
    """Where the true value lies; None when the model knows no interval."""
    model_name: str
    """Name of the registered model that computed it."""
    model_version: str
    """Version of that model."""
    predicted_at: datetime
    """When it was computed, by the server's clock; UTC."""
    warnings: tuple[PredictionWarning, ...]
    """What is unusual about the block group; empty for most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What a field of a block group adds to its price."""

    field: str
    """Name of the field."""
    contribution: float
    """By how much its value moves the price from the base value, in 1990 USD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a price is what it is: the base value and all contributions add up to it, to within a dollar."""

    median_house_value: float
    """Predicted median value of the owner-occupied homes, in 1990 USD."""
    interval: PredictionInterval | None
    """Where the true value lies; None when the model knows no interval."""
    base_value: float
    """The model's average answer for the block groups it was trained on, in 1990 USD."""
    contributions: tuple[Contribution, ...]
    """What each field adds, in the order of the fields."""
    unbounded_value: float
    """What the model would answer if it did not keep to the range of prices it was trained on, in 1990 USD."""
    model_name: str
    """Name of the registered model that was explained."""
    model_version: str
    """Version of that model."""
    warnings: tuple[PredictionWarning, ...]
    """What is unusual about the block group; empty for most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The model being served."""

    name: str
    """Name in the registry."""
    version: str
    """Version in the registry."""
    alias: str
    """Alias by which the version was found; empty when it was asked for by number."""
    run_id: str
    """Id of the MLflow run that trained it."""
    algorithm: str
    """What kind of model it is, for example `xgboost`."""
    runtime: str
    """What computes its answers: `onnx` or `pyfunc`."""
    trained_at: datetime | None
    """When its training run started, UTC; None when that is not known."""
    data_sha256: str
    """SHA-256 of the table it was trained on; empty when training did not record it."""
    git_commit: str
    """Commit of the training code; empty when training did not record it."""
    metrics: Mapping[str, float]
    """What training measured: `*_rmse` and `*_mae` in USD, `*_mape` and `*_r2` as fractions."""
    features: tuple[Feature, ...]
    """The fields it reads, in the order of its columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """What the inputs and answers of the model being served looked like when it was made."""

    model_name: str
    """Name in the registry."""
    model_version: str
    """Version in the registry."""
    profile: model_profile_pb2.ModelProfile
    """The contract's own document, which `housing.profile` compares values with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What people ought to know about the model being served."""

    model_name: str
    """Name in the registry."""
    model_version: str
    """Version in the registry."""
    markdown: str
    """What it was made from, how good it is and where, and what it is not for: text in Markdown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The processes that answer calls."""

    configured: int
    """Workers that ought to run."""
    serving: int
    """Workers that answer calls."""
    restarts: int
    """Workers restarted since the service was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Use of the host's resources."""

    cpu_cores_used: float
    """Processor time used since the last report, in processors."""
    cpu_cores: int
    """Processors that the service may use."""
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
    """The state of the record of answers."""

    enabled: bool
    """Whether predictions are put on record at all."""
    store_up: bool
    """Whether the store took the last write."""
    backlog_rows: int
    """Predictions that are answered and on disk, but not in the store yet."""
    problem: str
    """Why the store did not take the last write; empty when it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of the service."""

    status: str
    """`SERVING`, `DEGRADED` (fewer workers than configured, or a log that takes no writes) or `NOT_SERVING`."""
    model_loaded: bool
    """Whether a model is loaded and warmed up."""
    model_name: str
    """Name of the loaded model; empty when there is none."""
    model_version: str
    """Version of the loaded model; empty when there is none."""
    uptime_seconds: float
    """Seconds since the service was started."""
    workers: Workers
    """The processes that answer calls."""
    resources: Resources
    """Use of the host's resources."""
    prediction_log: PredictionLogState
    """The record of answers."""
