"""An application over ASGI with a core of fakes, and requests of its methods."""

import asyncio
from typing import Any

import structlog

from asgi_requests import Request
from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1 import prediction_service_pb2
from housing.v1.prediction_service_pb2 import (
    PredictRequest,
    StreamPredictRequest,
)
from housing_server.asgi_transport.application import Application
from housing_server.asgi_transport.hangups import Hangups
from housing_server.core.byte_budget import ByteBudget
from housing_server.core.calls import Calls
from housing_server.core.deadlines import Deadlines
from housing_server.core.endpoints import Endpoint
from housing_server.core.gate import DrainGate
from housing_server.core.services import prediction_endpoints
from served import Counts
from serving_fakes import ListLog, Notes, make_core

SERVICE: Any = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
PREDICT, BATCH, STREAM = (f"/{SERVICE.full_name}/{name}" for name in ("Predict", "BatchPredict", "StreamPredict"))
BLOCK_GROUP = message_from_mapping(BERKELEY)
GOOD = PredictRequest(block_group=BLOCK_GROUP).SerializeToString()
GOOD_OF_STREAM = StreamPredictRequest(block_group=BLOCK_GROUP).SerializeToString()
GZIP = ((b"grpc-encoding", b"gzip"),)
UNSENT_BYTES = 1 << 16


class Served:
    """An application, and what it has counted."""

    def __init__(self, *more: Endpoint, unary_seconds: float = 60.0) -> None:
        self.counts, self.gate = Counts(), DrainGate()
        self.unsent = ByteBudget(UNSENT_BYTES)
        calls = Calls(gate=self.gate, observer=self.counts, log=structlog.get_logger(), unary_seconds=unary_seconds)
        self.application = Application(
            calls,
            unsent=self.unsent,
            deadlines=Deadlines(sweep_seconds=0.01),
            hangups=Hangups(sweep_seconds=0.01),
        )
        self.application.mount(prediction_endpoints(make_core(Notes(), ListLog())), calls)
        self.application.mount(more, calls)

    def start(self, request: Request) -> "asyncio.Task[Request]":
        """Start a request in a task."""
        return asyncio.create_task(request.answer(self.application))
