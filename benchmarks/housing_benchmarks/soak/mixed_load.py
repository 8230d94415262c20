"""Calls of every kind, each at a steady rate that leaves the machine headroom."""

import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count, cycle, islice
from typing import Self

import grpc
from google.protobuf import json_format

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub

_CONNECTIONS = 4
"""Several, since a connection stays with the worker that accepted it."""
_PATIENCE = 30.0
"""Deadline of a call, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of call."""

    name: str
    """Its name in reports."""
    calls_per_second: float
    """Its rate, on one thread: a call that is due while another of its kind is pending is delayed."""
    rows: int
    """Block groups in a call."""
    call: Callable[[], object]
    """Makes a call and waits for its answer."""


class SteadyCalls(threading.Thread):
    """Makes calls of a kind from `start` to `stop`, and counts them."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(name=kind.name, daemon=True)
        self.kind = kind
        self.answered = 0
        """Number of successful calls."""
        self.failures: Counter[str] = Counter()
        """Number of failed calls, by status."""
        self._stopping = threading.Event()

    def run(self) -> None:
        """Make calls until stopped. Calls missed because of a slow answer are skipped, not made up for."""
        due = time.monotonic()
        while not self._stopping.wait(max(due - time.monotonic(), 0)):
            due = max(due + 1 / self.kind.calls_per_second, time.monotonic())
            self._call()

    def stop(self) -> None:
        """Stop making calls."""
        self._stopping.set()

    def _call(self) -> None:
        try:
            self.kind.call()
        except grpc.RpcError as error:
            self.failures[error.code().name] += 1
        except urllib.error.HTTPError as error:
            self.failures[str(error.code)] += 1
        except OSError as error:
            self.failures[type(error).__name__] += 1
        else:
            self.answered += 1


class MixedLoad:
    """All kinds of calls at once: `with MixedLoad(kinds):`."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.calls = [SteadyCalls(kind) for kind in kinds]
        """The kinds with their counts."""

    def __enter__(self) -> Self:
        for each in self.calls:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.calls:
            each.stop()
        for each in self.calls:
            each.join()


@contextmanager
def kinds_of_calls(target: str, gateway: str, block_groups: Sequence[BlockGroup]) -> Iterator[list[Kind]]:
    """Connect to a service, and yield all kinds of calls; about 2,100 rows per second together.

    Args:
        target: `host:port` of the service.
        gateway: URL of the gateway.
        block_groups: the rows to send, repeatedly.
    """
    with ExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]  # otherwise all channels would share one connection
        channels = [stack.enter_context(grpc.insecure_channel(target, options)) for _ in range(_CONNECTIONS)]
        yield _kinds([PredictionServiceStub(channel) for channel in channels], gateway, block_groups)


def _kinds(stubs: Sequence[PredictionServiceStub], gateway: str, block_groups: Sequence[BlockGroup]) -> list[Kind]:
    def batch(rows: int) -> Callable[[], object]:
        request = BatchPredictRequest(block_groups=islice(cycle(block_groups), rows))
        turn = cycle(stubs)
        return lambda: next(turn).BatchPredict(request, timeout=_PATIENCE)

    turn, rows = cycle(stubs), cycle(block_groups)
    messages = [StreamPredictRequest(block_group=each) for each in islice(cycle(block_groups), 1_000)]
    return [
        Kind(
            name="`Predict`",
            calls_per_second=100,
            rows=1,
            call=lambda: next(turn).Predict(PredictRequest(block_group=next(rows)), timeout=_PATIENCE),
        ),
        Kind(name="`BatchPredict` of 100 rows", calls_per_second=5, rows=100, call=batch(100)),
        Kind(name="`BatchPredict` of 10,000 rows", calls_per_second=0.1, rows=10_000, call=batch(10_000)),
        Kind(
            name="`StreamPredict` of 1,000 rows",
            calls_per_second=0.5,
            rows=1_000,
            call=_stream(stubs, messages),
        ),
        Kind(name="`Predict` as JSON", calls_per_second=20, rows=1, call=_json(gateway, block_groups)),
    ]


def _stream(stubs: Sequence[PredictionServiceStub], messages: Sequence[StreamPredictRequest]) -> Callable[[], object]:
    turn = cycle(stubs)
    return lambda: list(next(turn).StreamPredict(iter(messages), timeout=_PATIENCE))


def _json(gateway: str, block_groups: Sequence[BlockGroup]) -> Callable[[], object]:
    bodies = [json_format.MessageToJson(each, preserving_proto_field_name=True).encode() for each in block_groups[:100]]
    turn = count()

    def call() -> None:
        body = bodies[next(turn) % len(bodies)]
        request = urllib.request.Request(  # noqa: S310 - a loopback address
            f"{gateway}/api/predict", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - likewise
            answer.read()

    return call
