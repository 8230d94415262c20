"""A typed client of the prediction service, synchronous and asynchronous.

    from housing_client import PredictionClient

    with PredictionClient("localhost:50051") as client:
        print(client.predict(longitude=-122.23, latitude=37.88, ...).median_house_value)

The names below are imported when they are first used, so that the `housing` command starts without loading gRPC.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from housing_client.aio import AsyncPredictionClient
    from housing_client.channel import Deadlines, Retries
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
        Prediction,
        PredictionInterval,
        PredictionLogState,
        PredictionWarning,
        Resources,
        Status,
        Workers,
    )

__all__ = [
    "AsyncPredictionClient",
    "BoundingBox",
    "Contribution",
    "DeadlineExceededError",
    "Deadlines",
    "Explanation",
    "HousingError",
    "InvalidRequestError",
    "LiveError",
    "LoggedInterval",
    "LoggedPrediction",
    "Model",
    "ModelCard",
    "ModelVersionStats",
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
    "Retries",
    "ServiceError",
    "Status",
    "UnavailableError",
    "Violation",
    "Workers",
]

_MODULES = ("client", "aio", "channel", "errors", "results", "prediction_log")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            if hasattr(found := import_module(f"{__name__}.{module}"), name):
                return getattr(found, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
