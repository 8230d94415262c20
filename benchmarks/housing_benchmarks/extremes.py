"""Extremes that a service has to stand: one stream of very many messages, and very many connections at a time."""

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import PredictRequest, StreamPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.idle_connections import IdleConnections
from housing_benchmarks.machine import cores
from housing_benchmarks.payloads import read_block_groups
from housing_benchmarks.programs import ROOT
from housing_benchmarks.registry import find_registry
from housing_benchmarks.service import Service, Transport, running_service

_SPARE_FILES = 200
"""Files that this program needs beside the connections."""
_SECONDS = 60.0
_ROWS = ROOT / "data/processed/test.parquet"
_MEBI = 2**-20


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """What one of them has shown."""

    transport: Transport
    """What carries the calls."""
    what: str
    """What was done, with its number."""
    seconds: float
    """How long it took."""
    failed: int
    """Messages or calls without an answer, and idle connections that were closed."""
    grown_bytes: Sequence[int]
    """By how much the resident memory of the workers had grown: meanwhile, and afterwards."""
    grown_files: Sequence[int]
    """The same of their open files."""


def extremes(transport: Transport, *, messages: int, connections: int) -> Iterator[Extreme]:
    """Run a service, go to both extremes, and yield what was seen.

    Raises:
        BenchmarkError: the service cannot be started, or this program may not open as many connections.
    """
    _allow(connections)
    registry, rows = find_registry(), read_block_groups(_ROWS)
    with (
        TemporaryDirectory(prefix="housing-extremes-") as name,
        running_service(registry, Path(name), cores(), transport=transport) as service,
    ):
        target = f"127.0.0.1:{service.grpc_port}"
        _stream(target, rows, 1_000)  # what is allocated once is no growth
        yield _watched(
            service, transport, f"a stream of {messages:,} messages", lambda _: _stream(target, rows, messages)
        )
        yield _watched(
            service,
            transport,
            f"{connections:,} connections",
            lambda stack: _connect(stack, service, rows, connections),
        )


def _watched(service: Service, transport: Transport, what: str, do: Callable[[ExitStack], int]) -> Extreme:
    """Do something, and measure the service before, while what was opened is open, and once it is closed."""
    before = _held(service)
    began = time.perf_counter()
    with ExitStack() as stack:
        failed = do(stack)
        seconds = time.perf_counter() - began
        meanwhile = _held(service)
    after = _settled(service, before)
    return Extreme(
        transport=transport,
        what=what,
        seconds=seconds,
        failed=failed,
        grown_bytes=[meanwhile[0] - before[0], after[0] - before[0]],
        grown_files=[meanwhile[1] - before[1], after[1] - before[1]],
    )


def _held(service: Service) -> tuple[int, int]:
    """Return the resident bytes and the open files of all workers; a spare one may start meanwhile."""
    return _of_workers(service.resident_bytes()), _of_workers(service.open_files())


def _of_workers(held: Mapping[str, int]) -> int:
    return sum(amount for process, amount in held.items() if process.startswith("worker"))


def _settled(service: Service, before: tuple[int, int]) -> tuple[int, int]:
    """Wait until no more files are open than before, or a minute is over; return what is held."""
    until = time.monotonic() + _SECONDS
    while (held := _held(service))[1] > before[1] and time.monotonic() < until:
        time.sleep(0.5)
    return held


def _stream(target: str, rows: Sequence[BlockGroup], messages: int) -> int:
    """Send messages on one stream; return how many were not answered with a prediction."""
    requests = (StreamPredictRequest(block_group=row) for row in islice(cycle(rows), messages))
    with grpc.insecure_channel(target) as channel:
        answers = PredictionServiceStub(channel).StreamPredict(requests, wait_for_ready=True)
        return messages - sum(answer.HasField("prediction") for answer in answers)


def _connect(stack: ExitStack, service: Service, rows: Sequence[BlockGroup], connections: int) -> int:
    """Open connections, which stay open, and call over a hundred others.

    Returns:
        How many calls failed, and connections were closed by the service.
    """
    idle = stack.enter_context(IdleConnections())
    for _ in range(connections):
        idle.open(service.grpc_port, _SECONDS)
    failed = 0
    for number in range(100):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{service.grpc_port}", options) as channel:
            request = PredictRequest(block_group=rows[number % len(rows)])
            try:
                PredictionServiceStub(channel).Predict(request, timeout=_SECONDS)
            except grpc.RpcError:
                failed += 1
    return failed + connections - idle.count


def _allow(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _SPARE_FILES
    if soft < needed:
        if hard < needed:
            raise BenchmarkError(f"this program may open {hard:,} files: ask for fewer connections")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def mebibytes(grown: Sequence[int]) -> str:
    """Render how much memory has grown: meanwhile, and afterwards."""
    meanwhile, after = (f"{each * _MEBI:+.1f}" for each in grown)
    return f"{meanwhile} / {after}"


def files(grown: Sequence[int]) -> str:
    """Render how many more files are open: meanwhile, and afterwards."""
    meanwhile, after = (f"{each:+,}" for each in grown)
    return f"{meanwhile} / {after}"
