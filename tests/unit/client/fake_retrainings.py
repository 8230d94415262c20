"""Versions of the model and retrainings in memory, for the clients."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from housing.v1 import model_service_pb2 as model_pb
from housing.v1 import retraining_service_pb2 as pb
from housing.v1.retraining_service_pb2_grpc import (
    RetrainingServiceServicer,
    add_RetrainingServiceServicer_to_server,
)

START = datetime(2026, 3, 1, tzinfo=UTC)


def at(number: int) -> Timestamp:
    """Return a time so many seconds after the start."""
    moment = Timestamp()
    moment.FromDatetime(START + timedelta(seconds=number))
    return moment


def change(number: int, kind: model_pb.ModelChangeKind.ValueType) -> model_pb.ModelChange:
    """Make a change from a version to the next one."""
    return model_pb.ModelChange(
        change_id=f"change-{number}",
        changed_at=at(number),
        kind=kind,
        from_version=str(number),
        to_version=str(number + 1),
        changed_by="somebody",
        reason="a test",
    )


class FakeModelVersions:
    """The methods of ModelService about versions; each request is kept."""

    def __init__(self) -> None:
        self.version_requests: list[Message] = []
        """The requests of the methods, in order."""

    def ListModelVersions(  # noqa: N802 - the contract's name
        self,
        request: model_pb.ListModelVersionsRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> model_pb.ListModelVersionsResponse:
        """List two versions, of which only the second has an error on record."""
        self.version_requests.append(request)
        versions = [
            model_pb.ModelVersion(version="2", run_id="b", aliases=["champion"], registered_at=at(2), test_rmse=40_000),
            model_pb.ModelVersion(version="1", run_id="a", registered_at=at(1), objection="version 1 was rolled back"),
        ]
        return model_pb.ListModelVersionsResponse(
            model_name="fake", alias="champion", champion_version="2", versions=versions
        )

    def ListModelChanges(  # noqa: N802 - the contract's name
        self,
        request: model_pb.ListModelChangesRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> model_pb.ListModelChangesResponse:
        """List one change on each of two pages."""
        self.version_requests.append(model_pb.ListModelChangesRequest.FromString(request.SerializeToString()))
        number = 1 if request.page_token else 2
        return model_pb.ListModelChangesResponse(
            changes=[change(number, model_pb.MODEL_CHANGE_KIND_PROMOTION)],
            next_page_token="" if request.page_token else "more",
        )

    def PromoteModelVersion(  # noqa: N802 - the contract's name
        self,
        request: model_pb.PromoteModelVersionRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> model_pb.PromoteModelVersionResponse:
        """Promote a version, unless it is 2, the champion."""
        self.version_requests.append(request)
        if request.version == "2":
            return model_pb.PromoteModelVersionResponse()
        return model_pb.PromoteModelVersionResponse(change=change(2, model_pb.MODEL_CHANGE_KIND_PROMOTION))

    def RollbackModel(  # noqa: N802 - the contract's name
        self,
        request: model_pb.RollbackModelRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> model_pb.RollbackModelResponse:
        """Roll back."""
        self.version_requests.append(request)
        return model_pb.RollbackModelResponse(change=change(1, model_pb.MODEL_CHANGE_KIND_ROLLBACK))


def retraining(number: int) -> pb.Retraining:
    """Make a retraining with all evidence; one of an odd number has just been requested."""
    if number % 2:
        return pb.Retraining(
            retraining_id=f"id-{number}",
            trigger=pb.RETRAINING_TRIGGER_MANUAL,
            reason="a test",
            requested_by="somebody",
            requested_at=at(number),
            stage="waiting",
        )
    quality = pb.ModelQuality(root_mean_squared_error=40_000, mean_absolute_error=25_000, interval_coverage=0.9)
    difference = pb.ErrorDifference(root_mean_squared_error=-1_000, low=-1_500, high=-500)
    return pb.Retraining(
        retraining_id=f"id-{number}",
        trigger=pb.RETRAINING_TRIGGER_NEW_DATA,
        trigger_figures={"new_rows": 500},
        files=["new.csv"],
        requested_at=at(number),
        started_at=at(number + 1),
        finished_at=at(number + 2),
        stage="done",
        attempts=1,
        verdict=pb.RETRAINING_VERDICT_PROMOTED,
        verdict_reason="better",
        comparison=pb.ModelComparison(
            rows=4_000,
            candidate=quality,
            champion=quality,
            random=difference,
            by_area=pb.ErrorDifference(root_mean_squared_error=-1_000),
            slices=[pb.ComparedSlice(by="rows", name="new", rows=100, difference=difference)],
        ),
        gates=[pb.RetrainingGate(name="better", passed=True, detail="it is")],
        stages=[
            pb.StageEvidence(name="shadow", state=pb.STAGE_STATE_RUNNING, started_at=at(number), figures={"rows": 10})
        ],
    )


class FakeRetrainings(RetrainingServiceServicer):
    """Answers with the retrainings above; each request is kept."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        """The requests that came."""

    def StartRetraining(  # noqa: N802 - the contract's name
        self,
        request: pb.StartRetrainingRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.StartRetrainingResponse:
        """Start the first one."""
        self.requests.append(request)
        return pb.StartRetrainingResponse(retraining=retraining(1))

    def ListRetrainings(  # noqa: N802 - the contract's name
        self,
        request: pb.ListRetrainingsRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ListRetrainingsResponse:
        """List one retraining on each of two pages."""
        self.requests.append(pb.ListRetrainingsRequest.FromString(request.SerializeToString()))
        number = 1 if request.page_token else 2
        return pb.ListRetrainingsResponse(
            retrainings=[retraining(number)], next_page_token="" if request.page_token else "more"
        )

    def GetRetraining(  # noqa: N802 - the contract's name
        self,
        request: pb.GetRetrainingRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.GetRetrainingResponse:
        """Return the second one."""
        self.requests.append(request)
        return pb.GetRetrainingResponse(retraining=retraining(2))

    def GetRetrainingStatus(  # noqa: N802 - the contract's name
        self,
        request: pb.GetRetrainingStatusRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.GetRetrainingStatusResponse:
        """Return a state in which one waits and none runs."""
        self.requests.append(request)
        return pb.GetRetrainingStatusResponse(
            watchers=[pb.RetrainingWatcher(process="here:1:2", seen_at=at(1), alive=True, pending_rows=20)],
            waiting=1,
            waiting_since=at(1),
            last_finished=retraining(2),
            finished=[
                pb.RetrainingCount(
                    trigger=pb.RETRAINING_TRIGGER_NEW_DATA, verdict=pb.RETRAINING_VERDICT_REFUSED, count=3
                )
            ],
            promotions=2,
            rollbacks=1,
            last_rollback_at=at(9),
        )


@contextmanager
def serving_retrainings(service: FakeRetrainings) -> Iterator[str]:
    """Serve on a free port until the end of the block; yield where."""
    server = grpc.server(ThreadPoolExecutor(4))
    add_RetrainingServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
