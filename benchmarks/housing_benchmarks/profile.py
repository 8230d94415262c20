"""What the processor time of a call inside Envoy is spent on: the worker's own part of it, without Envoy.

The ASGI application with a real core, model, journal, metrics and log, called by a loop that plays the server. It is
processor time of the thread, so other programs matter little; but caches are warmer than beside an Envoy.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from prometheus_client import CollectorRegistry

from housing.v1.prediction_service_pb2 import PredictRequest
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.payloads import read_block_groups
from housing_benchmarks.programs import ROOT
from housing_server.asgi_transport.application import Application
from housing_server.asgi_transport.frames import frame
from housing_server.asgi_transport.queued_calls import task_factory
from housing_server.core.admission import Admission
from housing_server.core.callers import Caller
from housing_server.core.calls import Calls, Method
from housing_server.core.encoded_answers import EncodedAnswers
from housing_server.core.encoded_rows import row_reader
from housing_server.core.gate import DrainGate
from housing_server.core.model import LoadedModel
from housing_server.core.prediction import PredictionCore
from housing_server.core.rows import read_row
from housing_server.core.run_clock import RunClock
from housing_server.core.runs import Runs
from housing_server.core.services import prediction_endpoints
from housing_server.models.loading import load_model
from housing_server.observability.logs import CallLogger, LineBuffer, configure_logging
from housing_server.observability.metrics import WorkerMetrics
from housing_server.observability.metrics_files import count_as
from housing_server.prediction_log.journal import Journal

Figure = tuple[str, float]
"""A step, and its processor time in seconds."""

_METHOD = Method(kind="unary", service="housing.v1.PredictionService", name="Predict")
_HEADERS = [(b":authority", b"127.0.0.1"), (b"te", b"trailers"), (b"content-type", b"application/grpc")]
_CALLER = Caller("Predict", "ipv4:127.0.0.1:50000", "0" * 36, None, 0.0)
_IN_FLIGHT = (1, 16, 64)
_ROUNDS = 3


def profile(calls: int) -> list[Figure]:
    """Measure a whole call with some in flight, then its steps.

    Raises:
        BenchmarkError: no model has been served here before.
    """
    found = next(Path(os.environ.get("HOUSING_STATE_DIR", ROOT / "var")).glob("models/*/*/model.json"), None)
    if found is None:
        raise BenchmarkError("there is no model in the cache of the state folder: run `housing serve` once")
    rows = read_block_groups(ROOT / "data/processed/test.parquet")
    requests = [PredictRequest(block_group=row).SerializeToString() for row in rows[:1_000]]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        count_as("profile")
        bench = _Bench(load_model(found.parent, allow_pyfunc=False), Path(folder), requests)
        whole = [
            (f"a call, {number} in flight", bench.run(lambda number=number: bench.calls(number, calls)) / calls)  # type: ignore[misc]
            for number in _IN_FLIGHT
        ]
        return [*whole, *bench.steps(calls)]


class _Bench:
    """A worker without a transport."""

    def __init__(self, model: LoadedModel, folder: Path, requests: Sequence[bytes]) -> None:
        nowhere = Path(os.devnull).open("wb")  # noqa: SIM115  # pylint: disable=consider-using-with  # open to the end
        lines = LineBuffer(nowhere)
        self._metrics = metrics = WorkerMetrics(CollectorRegistry())
        self._scopes = Calls(
            gate=DrainGate(), observer=metrics, log=CallLogger("w", lines, configure_logging("w", lines))
        )
        self._journal = Journal(folder / "journal", "profile").open()
        self._admission = Admission(metrics, max_rows=100_000, max_queue_seconds=100.0)
        core = PredictionCore(metrics, self._journal, self._admission, clock=RunClock(10.0))
        core.model = self._model = model
        self._application = Application(self._scopes)
        self._application.mount(prediction_endpoints(core), self._scopes)
        self._requests = requests

    def run(self, work: Callable[[], Awaitable[float]]) -> float:
        """Run something on an event loop as pyvoy's, some times; return the least processor time."""
        return min(uvloop.run(work()) for _ in range(_ROUNDS))  # type: ignore[arg-type]  # it is a coroutine

    async def calls(self, in_flight: int, calls: int) -> float:
        """Make calls, with some in flight; return the processor time of all."""
        asyncio.get_running_loop().set_task_factory(task_factory)
        server = _Server(self._application, [frame(each) for each in self._requests], calls)
        began = time.thread_time()
        for _ in range(in_flight):
            server.call()
        await server.done
        return time.thread_time() - began

    def steps(self, times: int) -> Iterator[Figure]:
        """Measure the steps of a call, and those of a run."""
        requests, read = cycle(self._requests), row_reader(PredictRequest)
        yield "read the row from bytes", _each(times, lambda: read(next(requests)))
        yield (
            "the same with a message",
            _each(times, lambda: read_row(PredictRequest.FromString(next(requests)).block_group)),
        )
        yield "admission", _each(times, lambda: self._admission.admit(1, seconds_left=1.0).end())
        yield "scope: ids, metrics, log line", _each(times, self._scope)
        yield "of which metrics", _each(times, self._count)
        rows = [row for row in map(read, self._requests) if row is not None]
        for size in (1, 16, 64):
            yield from self._run(rows[:size], max(times // size // 4, 10))

    def _run(self, rows: list[list[float]], times: int) -> Iterator[Figure]:
        model, array = self._model.predictor, np.array(rows)
        runs = Runs(
            self._metrics, self._journal, now=time.time_ns, new_id=lambda: "0" * 36, report=print, clock=RunClock(10.0)
        )
        callers = [_CALLER] * len(rows)
        what = f"of {len(rows)} row{'s' * (len(rows) > 1)}"
        yield f"a run {what}, recorded and counted", _each(times, lambda: runs.answer(model, rows, callers))
        yield "  of which the model", _each(times, lambda: model.estimate(array))
        answers = runs.answer(model, rows, callers).answers
        if answers is None:
            raise BenchmarkError("the model has failed")
        yield "  of which the journal", _each(times, lambda: self._journal.append(answers))
        yield f"the responses {what}", _each(times, lambda: [*map(EncodedAnswers(answers).response, range(len(rows)))])

    def _scope(self) -> None:
        scope = self._scopes.begin(_METHOD, (), peer="ipv4:127.0.0.1:50000", seconds_left=None)
        scope.enter()
        scope.finish()

    def _count(self) -> None:
        self._metrics.call_started(_METHOD)
        self._metrics.call_ended(_METHOD, 0, 0.001)


class _Server:
    """Plays the server: each response is followed by the next request."""

    def __init__(self, application: Application, bodies: Sequence[bytes], calls: int) -> None:
        self._application = application
        self._bodies = cycle(bodies)
        self._left = self._open = calls
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()

    def call(self) -> None:
        """Make the next call, if any is left."""
        if self._left:
            self._left -= 1
            scope = {
                "type": "http",
                "method": "POST",
                "path": _METHOD.path,
                "headers": [*_HEADERS],
                "client": ("::1", 1),
            }
            call: Any = self._application(scope, self._receive, self._send)
            self._loop.create_task(call)

    def _receive(self) -> Awaitable[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        event = {"type": "http.request", "body": next(self._bodies), "more_body": False}
        self._loop.call_soon(future.set_result, event)
        return future

    def _send(self, event: Any) -> Any:
        if event["type"] == "http.response.trailers":
            self._open -= 1
            self._loop.call_soon(self.call)
            if not self._open:
                self.done.set_result(None)
        return _NOTHING


class _Nothing:
    """An awaitable that has nothing to wait for."""

    def __await__(self) -> Iterator[Any]:
        return iter(())


_NOTHING: Any = _Nothing()


def _each(times: int, step: Callable[[], object]) -> float:
    """Return the processor time of a step in seconds, the least of some rounds."""
    rounds = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        for _ in range(times):
            step()
        rounds.append(time.thread_time() - began)
    return min(rounds) / times
