"""A prediction service without a model: its price is the income in USD, and tests say how it fails."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from housing import example
from housing.features import FEATURES
from housing.v1 import (
    block_group_pb2,
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    model_profile_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
    status_service_pb2,
    status_service_pb2_grpc,
)
from unit.client.fake_retrainings import FakeModelVersions

PREDICTED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRAINED_AT = datetime(2025, 12, 31, 23, 59, tzinfo=UTC)
CARD = "# A card\n\nMünchhausen made it up.\n"

PROFILE = model_profile_pb2.ModelProfile(
    median_house_value=model_profile_pb2.Distribution(name="median_house_value", edges=[0, 1], counts=[0, 5, 0])
)

BERKELEY: dict[str, float | str] = dict(example.BERKELEY)
INTERVAL = prediction_service_pb2.PredictionInterval(lower=70_000, upper=500_001, coverage=0.9, upper_open=True)
CROWDED = prediction_service_pb2.Warning(reason="CROWDED", field="population", message="many people")


def failed(code: int, message: str, *details: error_details_pb2.ErrorInfo) -> status_pb2.Status:
    """Make a status with details."""
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def refused(*paths: str) -> status_pb2.Status:
    """Make the status of a request whose fields at these paths are bad."""
    violations = [
        error_details_pb2.BadRequest.FieldViolation(field=path, reason="double.lte", description="must be less")
        for path in paths
    ]
    return failed(
        code_pb2.INVALID_ARGUMENT,
        "the request breaks the contract",
        error_details_pb2.BadRequest(field_violations=violations),
        error_details_pb2.ErrorInfo(reason="INVALID_REQUEST", domain="housing.v1"),
    )


class FakePredictionService(
    FakeModelVersions,
    prediction_service_pb2_grpc.PredictionServiceServicer,
    explanation_service_pb2_grpc.ExplanationServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
    status_service_pb2_grpc.StatusServiceServicer,
):
    """Answers every call, unless `failures` says otherwise; a longitude east of California is refused."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[status_pb2.Status] = []
        self.attempts = 0
        self.request_ids: list[str] = []
        self.batch_sizes: list[int] = []
        self.stream_ends_after: int | None = None
        self.stream_ended = threading.Event()
        self.hold: threading.Event | None = None
        self.hold_second: threading.Event | None = None
        self.state = status_service_pb2.SERVICE_STATUS_SERVING

    def Predict(  # noqa: N802 - the contract's name
        self, request: prediction_service_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> prediction_service_pb2.PredictResponse:
        """Answer one block group."""
        self._fail_or_hold(context)
        self._refuse({"block_group": request.block_group}, context)
        return _answer(request.block_group)

    def BatchPredict(  # noqa: N802 - the contract's name
        self, request: prediction_service_pb2.BatchPredictRequest, context: grpc.ServicerContext
    ) -> prediction_service_pb2.BatchPredictResponse:
        """Answer a batch."""
        self._fail_or_hold(context)
        self._refuse({f"block_groups[{n}]": group for n, group in enumerate(request.block_groups)}, context)
        self.batch_sizes.append(len(request.block_groups))
        answers = map(_answer, request.block_groups)
        response = prediction_service_pb2.BatchPredictResponse(
            predictions=[
                prediction_service_pb2.Prediction(
                    prediction_id=answer.prediction_id,
                    median_house_value=answer.median_house_value,
                    interval=answer.interval,
                )
                for answer in answers
            ],
            model_name="fake",
            model_version="7",
        )
        response.predicted_at.FromDatetime(PREDICTED_AT)
        return response

    def StreamPredict(  # noqa: N802 - the contract's name
        self, request_iterator: Iterable[prediction_service_pb2.StreamPredictRequest], context: grpc.ServicerContext
    ) -> Iterator[prediction_service_pb2.StreamPredictResponse]:
        """Answer block groups one by one."""
        context.add_callback(self.stream_ended.set)
        self._fail_or_hold(context)
        for number, request in enumerate(request_iterator):
            if number == 1 and self.hold_second:
                self.hold_second.wait()
            if number == self.stream_ends_after:
                return
            if _bad(request.block_group):
                yield prediction_service_pb2.StreamPredictResponse(error=refused("block_group.longitude"))
            else:
                yield prediction_service_pb2.StreamPredictResponse(prediction=_answer(request.block_group))

    def Explain(  # noqa: N802 - the contract's name
        self, request: explanation_service_pb2.ExplainRequest, context: grpc.ServicerContext
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a price: all of it comes from the income, and half as much is lost by the population."""
        self._fail_or_hold(context)
        self._refuse({"block_group": request.block_group}, context)
        answer = _answer(request.block_group)
        added = {"median_income": answer.median_house_value, "population": -answer.median_house_value / 2}
        return explanation_service_pb2.ExplainResponse(
            median_house_value=answer.median_house_value,
            interval=INTERVAL,
            base_value=answer.median_house_value / 2,
            contributions=[
                explanation_service_pb2.Contribution(field=feature.name, contribution=added.get(feature.name, 0))
                for feature in FEATURES
            ],
            unbounded_value=answer.median_house_value,
            model_name=answer.model_name,
            model_version=answer.model_version,
            warnings=answer.warnings,
        )

    def GetModel(  # noqa: N802 - the contract's name
        self,
        request: model_service_pb2.GetModelRequest,  # noqa: ARG002 - gRPC passes it
        context: grpc.ServicerContext,
    ) -> model_service_pb2.GetModelResponse:
        """Describe a model that does not exist."""
        self._fail_or_hold(context)
        response = model_service_pb2.GetModelResponse(
            model=model_service_pb2.Model(
                name="fake",
                version="7",
                alias="champion",
                run_id="run",
                algorithm="income",
                runtime="onnx",
                metrics={"test_rmse": 41_000.4, "test_r2": 0.86},
                features=[
                    model_service_pb2.Feature(
                        name=feature.name,
                        unit=feature.unit,
                        required=feature.required,
                        minimum=feature.minimum,
                        maximum=feature.maximum,
                        choices=feature.choices,
                    )
                    for feature in FEATURES
                ],
            )
        )
        response.model.trained_at.FromDatetime(TRAINED_AT)
        return response

    def GetModelProfile(  # noqa: N802 - the contract's name
        self,
        request: model_service_pb2.GetModelProfileRequest,  # noqa: ARG002 - gRPC passes it
        context: grpc.ServicerContext,
    ) -> model_service_pb2.GetModelProfileResponse:
        """Answer with `PROFILE`."""
        self._fail_or_hold(context)
        return model_service_pb2.GetModelProfileResponse(model_name="fake", model_version="7", profile=PROFILE)

    def GetModelCard(  # noqa: N802 - the contract's name
        self,
        request: model_service_pb2.GetModelCardRequest,  # noqa: ARG002 - gRPC passes it
        context: grpc.ServicerContext,
    ) -> model_service_pb2.GetModelCardResponse:
        """Answer with `CARD`."""
        self._fail_or_hold(context)
        return model_service_pb2.GetModelCardResponse(model_name="fake", model_version="7", markdown=CARD)

    def GetStatus(  # noqa: N802 - the contract's name
        self,
        request: status_service_pb2.GetStatusRequest,  # noqa: ARG002 - gRPC passes it
        context: grpc.ServicerContext,
    ) -> status_service_pb2.GetStatusResponse:
        """Report `state`."""
        self._fail_or_hold(context)
        return status_service_pb2.GetStatusResponse(
            status=self.state,
            model_loaded=True,
            model_name="fake",
            model_version="7",
            uptime_seconds=90.2,
            workers=status_service_pb2.WorkerStatus(configured=2, serving=1, restarts=3),
            resources=status_service_pb2.ResourceStatus(cpu_cores=2, memory_used_bytes=2**30, memory_total_bytes=2**32),
            prediction_log=status_service_pb2.PredictionLogStatus(
                enabled=True, store_up=False, backlog_rows=1234, problem="the disk is full"
            ),
        )

    def _fail_or_hold(self, context: grpc.ServicerContext) -> None:
        self.attempts += 1
        self.request_ids += [str(value) for key, value in context.invocation_metadata() if key == "x-request-id"]
        if self.hold:
            self.hold.wait()
        if self.failures:
            context.abort_with_status(rpc_status.to_status(self.failures.pop(0)))

    def _refuse(self, block_groups: dict[str, block_group_pb2.BlockGroup], context: grpc.ServicerContext) -> None:
        paths = [f"{path}.longitude" for path, block_group in block_groups.items() if _bad(block_group)]
        if paths:
            context.abort_with_status(rpc_status.to_status(refused(*paths)))


def _bad(block_group: block_group_pb2.BlockGroup) -> bool:
    longitude = FEATURES[0]
    return longitude.maximum is not None and block_group.longitude > longitude.maximum


def _answer(block_group: block_group_pb2.BlockGroup) -> prediction_service_pb2.PredictResponse:
    response = prediction_service_pb2.PredictResponse(
        prediction_id=f"id-{block_group.population:g}",
        median_house_value=block_group.median_income * 10_000,
        interval=INTERVAL,
        model_name="fake",
        model_version="7",
        warnings=[CROWDED] if block_group.population > block_group.total_rooms else [],
    )
    response.predicted_at.FromDatetime(PREDICTED_AT)
    return response


@contextmanager
def serving(
    service: FakePredictionService,
    credentials: grpc.ServerCredentials | None = None,
    *,
    port: int = 0,
    options: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[str]:
    """Serve on a free port, or on one that was free before, and yield the target; options are gRPC's."""
    settings = [(f"grpc.{name}", value) for name, value in {"so_reuseport": 0, **options}.items()]
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=settings)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    explanation_service_pb2_grpc.add_ExplanationServiceServicer_to_server(service, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    status_service_pb2_grpc.add_StatusServiceServicer_to_server(service, server)
    # One address: of two, as localhost has, the second may be another server's on the same port.
    address = f"127.0.0.1:{port}"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
