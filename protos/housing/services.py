"""The contract's services, by full name."""

from collections.abc import Iterable
from types import ModuleType

from housing.v1 import (
    explanation_service_pb2,
    model_service_pb2,
    outcome_service_pb2,
    prediction_log_service_pb2,
    prediction_service_pb2,
    retraining_service_pb2,
    status_service_pb2,
)


def _names(modules: Iterable[ModuleType]) -> tuple[str, ...]:
    return tuple(service.full_name for module in modules for service in module.DESCRIPTOR.services_by_name.values())


LOG_SERVICES: tuple[str, ...] = _names((prediction_log_service_pb2, outcome_service_pb2))
"""Full names of the services of the prediction log."""

(RETRAINING_SERVICE,) = _names((retraining_service_pb2,))
"""Full name of the service that requests retrainings and reads their records."""

(PREDICTION_SERVICE,) = _names((prediction_service_pb2,))
"""Full name of the service that predicts prices."""

(EXPLANATION_SERVICE,) = _names((explanation_service_pb2,))
"""Full name of the service that explains prices."""

SERVICES: tuple[str, ...] = (
    *_names((prediction_service_pb2, model_service_pb2, status_service_pb2)),
    *LOG_SERVICES,
    EXPLANATION_SERVICE,
    RETRAINING_SERVICE,
)
"""Full names of the contract's services, for example `housing.v1.PredictionService`."""
