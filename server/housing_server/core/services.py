"""The endpoints of the prediction, model and status services."""

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from housing.v1 import model_service_pb2, prediction_service_pb2, status_service_pb2
from housing.v1.status_service_pb2 import SERVICE_STATUS_NOT_SERVING, GetStatusResponse
from housing_server.core.callers import Caller
from housing_server.core.endpoints import Endpoint, UnaryEndpoint, encoded, queued, stream, unary
from housing_server.core.prediction import PredictionCore

_PREDICTION = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
_MODEL = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
_STATUS = status_service_pb2.DESCRIPTOR.services_by_name["StatusService"]


class ReportedStatus:
    """The response to GetStatus: the supervisor's last report, since only the supervisor sees every worker."""

    def __init__(self) -> None:
        self.response = GetStatusResponse(status=SERVICE_STATUS_NOT_SERVING)
        """The latest report."""


def prediction_endpoints(core: PredictionCore) -> tuple[Endpoint, ...]:
    """List the endpoints of PredictionService."""
    return (
        queued(_PREDICTION, "Predict", core.predict, core.arrivals),
        encoded(_PREDICTION, "BatchPredict", core.batch_predict),
        stream(_PREDICTION, "StreamPredict", core.stream_predict),
    )


def model_endpoints(core: PredictionCore) -> tuple[Endpoint, ...]:
    """List the endpoints of ModelService."""
    return (
        _lookup(_MODEL, "GetModel", core.get_model),
        _lookup(_MODEL, "GetModelProfile", core.get_model_profile),
        _lookup(_MODEL, "GetModelCard", core.get_model_card),
    )


def status_endpoints(status: ReportedStatus) -> tuple[Endpoint, ...]:
    """List the endpoints of StatusService."""
    return (_lookup(_STATUS, "GetStatus", lambda: status.response),)


def _lookup(service: ServiceDescriptor, name: str, look_up: Callable[[], Any]) -> UnaryEndpoint[Any, Any]:
    """Create the endpoint of a method whose request is empty and whose response is available at once."""

    async def answer(_request: Any, _caller: Caller) -> Any:
        return look_up()

    return unary(service, name, answer)
