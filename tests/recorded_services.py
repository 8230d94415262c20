"""A service on record: how tests run it, load it, and look at what is in its store."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import grpc
import psutil
import pytest
from sqlalchemy import create_engine, text

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing.v1.status_service_pb2 import GetStatusRequest, GetStatusResponse
from housing.v1.status_service_pb2_grpc import StatusServiceStub
from running import Service, running_service, wait_for

CLIENTS = 6


class Callers:
    """Clients that call in every way there is, through failures, and remember the ids of all answers they got."""

    def __init__(self, target: str, block_group: BlockGroup) -> None:
        self.answered: list[str] = []
        """Ids of the predictions that reached a client."""
        self._target = target
        self._row = block_group
        self._stopping = threading.Event()
        ways: list[Callable[[PredictionServiceStub], list[str]]] = [self._one, self._many, self._stream]
        self._threads = [
            threading.Thread(target=self._call, args=(ways[number % len(ways)],), daemon=True)
            for number in range(CLIENTS)
        ]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more predictions were answered."""
        goal = len(self.answered) + count
        wait_for(lambda: True if len(self.answered) >= goal else None, f"{count} more answers")

    def _call(self, way: Callable[[PredictionServiceStub], list[str]]) -> None:
        while not self._stopping.is_set():
            with grpc.insecure_channel(self._target) as channel:
                stub = PredictionServiceStub(channel)
                try:
                    while not self._stopping.is_set():
                        self.answered.extend(way(stub))
                except grpc.RpcError:
                    self._stopping.wait(0.05)  # the connection is lost: on with another

    def _one(self, stub: PredictionServiceStub) -> list[str]:
        return [stub.Predict(PredictRequest(block_group=self._row), timeout=60).prediction_id]

    def _many(self, stub: PredictionServiceStub) -> list[str]:
        batch = stub.BatchPredict(BatchPredictRequest(block_groups=[self._row] * 50), timeout=60)
        return [prediction.prediction_id for prediction in batch.predictions]

    def _stream(self, stub: PredictionServiceStub) -> list[str]:
        requests = (StreamPredictRequest(block_group=self._row) for _ in range(100))
        return [answer.prediction.prediction_id for answer in stub.StreamPredict(requests, timeout=60)]


Serve = Callable[..., AbstractContextManager[Service]]


@pytest.fixture
def serve(state_dir: Path, tmp_path: Path) -> Serve:
    """Runs a service with a state folder of its own, on the registry that all tests share."""
    return partial(running_service, tmp_path, registry=state_dir, workers=2)


def ids_on_record(url: str) -> list[str]:
    """The ids of all predictions in a store."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = [str(row[0]) for row in connection.execute(text("SELECT prediction_id FROM predictions"))]
    engine.dispose()
    return found


def assert_all_on_record(answered: list[str], url: str) -> None:
    """Every answer is in the store, and no prediction is there twice."""
    recorded = ids_on_record(url)
    assert len(answered) > 0
    assert len(recorded) == len(set(recorded))
    assert set(answered) <= set(recorded)


def children(service: Service, module: str) -> list[psutil.Process]:
    """The service's processes of a kind."""
    return [each for each in psutil.Process(service.command.pid).children() if runs(each, module)]


def runs(process: psutil.Process, module: str) -> bool:
    """Return whether a process is of a kind; False for one that has just ended."""
    try:
        return module in process.cmdline()
    except psutil.Error:
        return False


def log_status(service: Service) -> GetStatusResponse:
    """Ask how the service is."""
    with grpc.insecure_channel(service.target) as channel:
        return StatusServiceStub(channel).GetStatus(GetStatusRequest(), timeout=60)
