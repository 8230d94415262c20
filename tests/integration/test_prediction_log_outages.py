"""Every answer is on record, whatever is killed, stopped or full."""

import os
import shutil
import signal
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import grpc
import psutil
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_log_service_pb2 import GetPredictionRequest
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing.v1.status_service_pb2 import (
    SERVICE_STATUS_DEGRADED,
    SERVICE_STATUS_NOT_SERVING,
    SERVICE_STATUS_SERVING,
    GetStatusResponse,
    PredictionLogStatus,
    ServiceStatus,
)
from housing_server.prediction_log.drainer import DAMAGED_FILE
from postgres import PostgresServer, running_postgres
from recorded_services import (
    Callers,
    Serve,
    assert_all_on_record,
    children,
    ids_on_record,
    log_status,
)
from running import Service, http_get, transport_or_skip, wait_for

ROUNDS = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'predictions.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database(f"log_{os.urandom(4).hex()}")


def test_plain_load_puts_every_answer_on_record(
    serve: Serve, store: str, block_group: BlockGroup, tmp_path: Path
) -> None:
    """With nothing killed, every id that a caller has got is in the store, and no line was taken for damaged."""
    with serve(prediction_log=store) as service:
        with Callers(service.target, block_group) as callers:
            callers.wait_for_more(20_000)
        service.command.send(signal.SIGTERM)
        assert service.command.exit_code() == 0
    assert_all_on_record(callers.answered, store)
    assert not (tmp_path / "journal" / DAMAGED_FILE).exists()


@pytest.mark.parametrize("victim", ["--config-path", "housing_server.processes.recorder"])
def test_killed_process_loses_no_answer(serve: Serve, store: str, block_group: BlockGroup, victim: str) -> None:
    """Kill -9 of a worker inside Envoy, or of the recorder, again and again while all kinds of calls are made."""
    assert_kills_lose_no_answer(partial(serve, transport=transport_or_skip("envoy")), store, block_group, victim)


def test_killed_worker_of_grpcs_library_loses_no_answer(serve: Serve, tmp_path: Path, block_group: BlockGroup) -> None:
    """What it has answered is in its journal before it is sent, too."""
    serve = partial(serve, transport="grpc")
    store = f"sqlite:///{tmp_path / 'predictions.db'}"
    assert_kills_lose_no_answer(serve, store, block_group, "housing_server.processes.worker")


def assert_kills_lose_no_answer(serve: Serve, store: str, block_group: BlockGroup, victim: str) -> None:
    """Kill a process of a kind, and again what takes its place, under load; every answer is on record."""
    with serve(prediction_log=store) as service:
        with Callers(service.target, block_group) as callers:
            for _ in range(ROUNDS):
                callers.wait_for_more(300)
                wait_for(lambda: children(service, victim) or None, victim)[0].kill()
            callers.wait_for_more(300)
        service.command.send(signal.SIGTERM)
        assert service.command.exit_code() == 0
    assert_all_on_record(callers.answered, store)


def test_killed_supervisor_loses_no_answer(serve: Serve, store: str, block_group: BlockGroup) -> None:
    """What it leaves behind hands all answers over, and ends."""
    with serve(prediction_log=store, explainer="on") as service:
        orphans = psutil.Process(service.command.pid).children()
        with Callers(service.target, block_group) as callers:
            callers.wait_for_more(500)
            os.kill(service.command.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(orphans, timeout=60)
        assert not alive
    assert_all_on_record(callers.answered, store)


def test_everything_killed_at_once_loses_no_answer(serve: Serve, store: str, block_group: BlockGroup) -> None:
    """As when the machine's memory runs out: the next start hands over what is in the journals."""
    with serve(prediction_log=store) as service, Callers(service.target, block_group) as callers:
        callers.wait_for_more(500)
        supervisor = psutil.Process(service.command.pid)
        for process in (supervisor, *supervisor.children()):
            process.kill()
    with serve(prediction_log=store) as service:
        service.command.send(signal.SIGTERM)
        assert service.command.exit_code() == 0
    assert_all_on_record(callers.answered, store)


def reported(service: Service, problem: str) -> PredictionLogStatus | None:
    """Return the status of the log if it has this problem."""
    found = log_status(service).prediction_log
    return found if found.problem == problem else None


def without_store(status: GetStatusResponse) -> GetStatusResponse | None:
    """Return the status if the store is down and rows wait for it."""
    return status if status.prediction_log.backlog_rows and not status.prediction_log.store_up else None


def test_answers_given_while_postgresql_is_down_are_handed_over_later(
    serve: Serve, postgres: PostgresServer, block_group: BlockGroup
) -> None:
    """In lenient mode nobody notices but the status, which tells of a backlog."""
    url = postgres.create_database("outage")
    with serve(prediction_log=url) as service:
        with Callers(service.target, block_group) as callers:
            callers.wait_for_more(300)
            postgres.stop()
            try:
                callers.wait_for_more(300)
                # Rows wait for a moment in plain operation, too: the backlog alone says nothing of the store.
                status = wait_for(lambda: without_store(log_status(service)), "a backlog without a store")
                assert status.status == SERVICE_STATUS_DEGRADED
                assert status.prediction_log.problem
                service.command.wait_for("the prediction log's store is not writable; answers wait in the journals")
            finally:
                postgres.start()
            callers.wait_for_more(300)
        service.command.wait_for("the prediction log's store is writable again")
        wait_for(lambda: True if log_status(service).prediction_log.backlog_rows == 0 else None, "no backlog")
    assert_all_on_record(callers.answered, url)


def test_store_that_hangs_is_reported_and_holds_nobody_up(
    serve: Serve, store: str, block_group: BlockGroup, request: pytest.FixtureRequest
) -> None:
    """Predictions are answered, reading ends in time, and afterwards everything is on record."""
    predict = PredictRequest(block_group=block_group)
    with serve(prediction_log=store, workers=1) as service, grpc.insecure_channel(service.target) as channel:
        predictions, log = PredictionServiceStub(channel), PredictionLogServiceStub(channel)
        answered = [predictions.Predict(predict, timeout=60).prediction_id]
        assert log.GetPrediction(GetPredictionRequest(prediction_id=answered[0]), timeout=60).prediction
        with hanging(store, request):
            answered += [predictions.Predict(predict, timeout=60).prediction_id for _ in range(20)]
            # A recorder that is late for other reasons is reported as well, for as long as it is.
            problem = "the store does not respond"
            found = wait_for(lambda: reported(service, problem), problem)
            assert not found.store_up
            for _ in range(12):  # more than there are threads to wait
                assert reads_or_is_unavailable(log, answered[0], locked=store.startswith("sqlite"))
            answered += [predictions.Predict(predict, timeout=60).prediction_id for _ in range(20)]
        wait_for(lambda: True if log_status(service).prediction_log.store_up else None, "the store")
        wait_for(lambda: True if log_status(service).prediction_log.backlog_rows == 0 else None, "no backlog")
        assert log.GetPrediction(GetPredictionRequest(prediction_id=answered[-1]), timeout=60).prediction
    assert_all_on_record(answered, store)


@contextmanager
def hanging(store: str, request: pytest.FixtureRequest) -> Iterator[None]:
    """Make a store hang: freeze the server, or lock the file from another process."""
    if not store.startswith("sqlite"):
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.frozen():
            yield
        return
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"), isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def reads_or_is_unavailable(log: PredictionLogServiceStub, prediction_id: str, *, locked: bool) -> bool:
    """Read from a store that hangs: a locked file can be read, a frozen server is reported, and not waited for."""
    wanted = GetPredictionRequest(prediction_id=prediction_id)
    if locked:
        return log.GetPrediction(wanted, timeout=60).prediction.prediction_id == prediction_id
    with pytest.raises(grpc.RpcError) as refusal:
        log.GetPrediction(wanted, timeout=60)
    return refusal.value.code() is grpc.StatusCode.UNAVAILABLE


def test_strict_mode_answers_nothing_that_the_store_does_not_take(
    serve: Serve, postgres: PostgresServer, block_group: BlockGroup
) -> None:
    """Each answer is in the store when it is given; while the store is down there are none."""
    url = postgres.create_database("strict")
    request = PredictRequest(block_group=block_group)
    with (
        serve(prediction_log=url, prediction_log_mode="strict") as service,
        grpc.insecure_channel(service.target) as channel,
    ):
        stub = PredictionServiceStub(channel)
        answered = [stub.Predict(request, timeout=60).prediction_id for _ in range(3)]
        assert set(ids_on_record(url)) == set(answered)
        postgres.stop()
        try:
            assert refusal_reason(stub, request) == "PREDICTION_LOG_UNAVAILABLE"
            wait_for(lambda: ready(service) is False or None, "the service to be not ready")
            assert wait_for_status(service, SERVICE_STATUS_NOT_SERVING).prediction_log.problem
        finally:
            postgres.start()
        wait_for_status(service, SERVICE_STATUS_SERVING)
        answered.append(stub.Predict(request, timeout=60).prediction_id)
    assert set(ids_on_record(url)) == set(answered)


def refusal_reason(stub: PredictionServiceStub, request: PredictRequest) -> str:
    """Make a call that is refused as UNAVAILABLE, and return the reason."""
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Predict(request, timeout=60)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert isinstance(refusal.value, grpc.Call)
    status = rpc_status.from_call(refusal.value)
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def wait_for_status(service: Service, wanted: ServiceStatus.ValueType) -> GetStatusResponse:
    """Wait until the service reports a status."""
    return wait_for(lambda: found if (found := log_status(service)).status == wanted else None, f"status {wanted}")


def ready(service: Service) -> bool:
    """Ask the probe."""
    return http_get(f"http://127.0.0.1:{service.metrics_port}/readyz").status_code == 200


def test_service_that_cannot_write_its_journal_says_so_and_mends_by_itself(
    serve: Serve, block_group: BlockGroup, tmp_path: Path
) -> None:
    """Nothing is answered meanwhile: probe, health and status tell, the log has one line a worker."""
    journal, request = tmp_path / "journal", PredictRequest(block_group=block_group)
    with serve() as service, grpc.insecure_channel(service.target) as channel:
        stub, health = PredictionServiceStub(channel), HealthStub(channel)
        assert ready(service)
        journal.rename(tmp_path / "elsewhere")
        journal.write_text("a file where the folder should be")
        wait_for(lambda: ready(service) is False or None, "the service to be not ready")
        assert refusal_reason(stub, request) == "PREDICTION_LOG_UNAVAILABLE"
        answer = health.Check(HealthCheckRequest())  # type: ignore[attr-defined]  # untyped stub
        assert answer.status == HealthCheckResponse.NOT_SERVING
        status = wait_for_status(service, SERVICE_STATUS_NOT_SERVING)
        assert str(journal) in status.prediction_log.problem
        journal.unlink()
        wait_for_status(service, SERVICE_STATUS_SERVING)
        assert ready(service)
        answered = stub.Predict(request, timeout=60, wait_for_ready=True).prediction_id
        service.command.wait_for("answers are recorded again")
        service.command.send(signal.SIGTERM)
        assert service.command.exit_code() == 0
    refusals = service.command.events("answers cannot be recorded; predictions are refused")
    assert len(refusals) <= 2
    assert answered in ids_on_record(f"sqlite:///{tmp_path / 'predictions.db'}")


def test_deleting_journals_or_store_under_load_loses_no_answer_that_comes_later(
    serve: Serve, block_group: BlockGroup, tmp_path: Path
) -> None:
    """Deleted journals are read to their end, and whatever is answered after the store was deleted is in the next."""
    with serve() as service:
        with Callers(service.target, block_group) as callers:
            callers.wait_for_more(300)
            # Workers make new files in it meanwhile, so the folder itself may outlive the deletion.
            shutil.rmtree(tmp_path / "journal", ignore_errors=True)
            callers.wait_for_more(3_000)
            (tmp_path / "predictions.db").unlink()
            deleted_ms = time.time_ns() // 1_000_000
            callers.wait_for_more(3_000)
        service.command.send(signal.SIGTERM)
        assert service.command.exit_code() == 0
    # A caller knows its answers some time after they were made: those of a stream at its end. An id holds the time.
    later = [each for each in callers.answered if uuid.UUID(each).int >> 80 > deleted_ms]
    assert_all_on_record(later, f"sqlite:///{tmp_path / 'predictions.db'}")
