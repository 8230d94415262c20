"""A typed client of the prediction service, synchronous and asynchronous.

from housing_client import PredictionClient

with PredictionClient("localhost:50051") as client:
    print(client.predict(longitude=-122.23, latitude=37.88, ...).median_house_value)
"""

from housing_client.aio import AsyncPredictionClient
from housing_client.channel import DEFAULT_TARGET, channel_options
from housing_client.client import PredictionClient
from housing_client.errors import (
    DeadlineExceededError,
    HousingError,
    InvalidRequestError,
    NotFoundError,
    NotPermittedError,
    OverloadedError,
    ServiceError,
    UnavailableError,
    Violation,
)
from housing_client.log_messages import PAGE_SIZE
from housing_client.model_versions import ModelChange, ModelVersion, ModelVersions
from housing_client.policies import Deadlines, Keepalive, Retries, Tls
from housing_client.prediction_log import (
    BoundingBox,
    LiveError,
    LoggedInterval,
    LoggedPrediction,
    ModelVersionStats,
    Outcome,
    PeriodStats,
    PredictionFilter,
    PredictionStats,
    PriceStats,
    RecordedOutcome,
)
from housing_client.results import (
    Contribution,
    Explanation,
    Model,
    ModelCard,
    ModelProfile,
    Prediction,
    PredictionInterval,
    PredictionLogState,
    PredictionWarning,
    Resources,
    Status,
    Workers,
)
from housing_client.retraining import (
    ComparedSlice,
    ErrorDifference,
    ModelComparison,
    ModelQuality,
    Retraining,
    RetrainingCount,
    RetrainingFilter,
    RetrainingGate,
    RetrainingStatus,
    RetrainingWatcher,
    StageEvidence,
)

__all__ = [
    "DEFAULT_TARGET",
    "PAGE_SIZE",
    "AsyncPredictionClient",
    "BoundingBox",
    "ComparedSlice",
    "Contribution",
    "DeadlineExceededError",
    "Deadlines",
    "ErrorDifference",
    "Explanation",
    "HousingError",
    "InvalidRequestError",
    "Keepalive",
    "LiveError",
    "LoggedInterval",
    "LoggedPrediction",
    "Model",
    "ModelCard",
    "ModelChange",
    "ModelComparison",
    "ModelProfile",
    "ModelQuality",
    "ModelVersion",
    "ModelVersionStats",
    "ModelVersions",
    "NotFoundError",
    "NotPermittedError",
    "Outcome",
    "OverloadedError",
    "PeriodStats",
    "Prediction",
    "PredictionClient",
    "PredictionFilter",
    "PredictionInterval",
    "PredictionLogState",
    "PredictionStats",
    "PredictionWarning",
    "PriceStats",
    "RecordedOutcome",
    "Resources",
    "Retraining",
    "RetrainingCount",
    "RetrainingFilter",
    "RetrainingGate",
    "RetrainingStatus",
    "RetrainingWatcher",
    "Retries",
    "ServiceError",
    "StageEvidence",
    "Status",
    "Tls",
    "UnavailableError",
    "Violation",
    "Workers",
    "channel_options",
]
