"""A prediction server to put behind a gateway under test: it answers at once, and shows what reached it."""

# ruff: noqa: N802, ARG002 - gRPC names the methods and their arguments

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from housing.addresses import address_family, join_address
from housing.services import SERVICES
from housing.v1 import model_service_pb2_grpc, prediction_service_pb2_grpc, status_service_pb2_grpc
from housing.v1.model_service_pb2 import (
    GetModelCardRequest,
    GetModelCardResponse,
    GetModelProfileRequest,
    GetModelProfileResponse,
    GetModelRequest,
    GetModelResponse,
    Model,
)
from housing.v1.prediction_service_pb2 import (
    BatchPredictRequest,
    BatchPredictResponse,
    Prediction,
    PredictRequest,
    PredictResponse,
    StreamPredictRequest,
    StreamPredictResponse,
)
from housing.v1.status_service_pb2 import SERVICE_STATUS_SERVING, GetStatusRequest, GetStatusResponse, ServiceStatus
from housing_server.limits import MAX_METADATA_BYTES

PRICE = 250_000.0
"""The answer to everything."""
ASLEEP = 1.0
"""A longitude of a row that is not answered before `UpstreamServer.wake` is set."""


class UpstreamServer(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
    status_service_pb2_grpc.StatusServiceServicer,
):
    """The services of a prediction server, without a model."""

    def __init__(self) -> None:
        self.grpc_port = 0
        self.metrics_port = 0
        self.metadata: dict[str, str | bytes] = {}
        """Of the last call."""
        self.status: ServiceStatus.ValueType = SERVICE_STATUS_SERVING
        """What GetStatus answers."""
        self.wake = threading.Event()
        """Lets the rows that are asleep be answered."""

    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:
        """Answer one row; one that is asleep when it is woken."""
        self.metadata = dict(context.invocation_metadata() or ())
        if request.block_group.longitude == ASLEEP:
            self.wake.wait()
        return PredictResponse(median_house_value=PRICE)

    def BatchPredict(self, request: BatchPredictRequest, context: grpc.ServicerContext) -> BatchPredictResponse:
        """Answer many rows."""
        if any(row.longitude == ASLEEP for row in request.block_groups[:1]):
            self.wake.wait()
        return BatchPredictResponse(predictions=[Prediction(median_house_value=PRICE)] * len(request.block_groups))

    def StreamPredict(
        self, request_iterator: Iterable[StreamPredictRequest], context: grpc.ServicerContext
    ) -> Iterator[StreamPredictResponse]:
        """Answer rows as they come."""
        for _ in request_iterator:
            yield StreamPredictResponse()

    def GetModel(self, request: GetModelRequest, context: grpc.ServicerContext) -> GetModelResponse:
        """Describe no model in many words."""
        return GetModelResponse(model=Model(name="fake", version="1", algorithm="none " * 500))

    def GetModelProfile(
        self, request: GetModelProfileRequest, context: grpc.ServicerContext
    ) -> GetModelProfileResponse:
        """Answer nothing."""
        return GetModelProfileResponse()

    def GetModelCard(self, request: GetModelCardRequest, context: grpc.ServicerContext) -> GetModelCardResponse:
        """Answer nothing."""
        return GetModelCardResponse()

    def GetStatus(self, request: GetStatusRequest, context: grpc.ServicerContext) -> GetStatusResponse:
        """Answer as the test has said."""
        return GetStatusResponse(status=self.status)


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with a page."""
        body = b"<!doctype html><title>page</title>"
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing."""


class _Pages(ThreadingHTTPServer):
    def __init__(self, host: str) -> None:
        self.address_family = address_family(host)
        super().__init__((host, 0), _Page)


@contextmanager
def running_upstream(host: str = "127.0.0.1") -> Iterator[UpstreamServer]:
    """Run such a server on free ports of a loopback address until the end of the block."""
    upstream = UpstreamServer()  # type: ignore[abstract]  # what it lacks answers UNIMPLEMENTED
    probes = health.HealthServicer()
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(64), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(upstream, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(upstream, server)
    status_service_pb2_grpc.add_StatusServiceServicer_to_server(upstream, server)
    add_HealthServicer_to_server(probes, server)
    for service in SERVICES:
        probes.set(service, HealthCheckResponse.SERVING)
    upstream.grpc_port = server.add_insecure_port(join_address(host, 0))
    pages = _Pages(host)
    upstream.metrics_port = pages.server_port
    threading.Thread(target=pages.serve_forever, args=(0.01,), daemon=True).start()
    server.start()
    try:
        yield upstream
    finally:
        upstream.wake.set()
        server.stop(None).wait()
        pages.shutdown()
        pages.server_close()
