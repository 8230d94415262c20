"""Calls of Predict at a steady rate, each with its latency and the moment when it was due."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Self

import grpc

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub

_PATIENCE = 30.0
"""Deadline of a call, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCall:
    """A call that was answered."""

    due: float
    """When it was to be made, on the monotonic clock."""
    seconds: float
    """Time from then to its answer: a call that waits for the one before is late, and so it counts."""


class TimedCalls:
    """Calls a service until the end of the block: `with TimedCalls(...)`."""

    def __init__(self, target: str, block_groups: Sequence[BlockGroup], *, calls_per_second: float) -> None:
        """Call nothing yet.

        Args:
            target: `host:port` of the service.
            block_groups: the rows to send, repeatedly.
            calls_per_second: the rate, over one connection.
        """
        self._target, self._block_groups, self._pause = target, block_groups, 1 / calls_per_second
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)
        self.answered: list[TimedCall] = []
        """The calls that were answered, in their order."""
        self.failures: Counter[str] = Counter()
        """Number of failed calls, by status."""

    def _run(self) -> None:
        due = time.monotonic()
        with grpc.insecure_channel(self._target) as channel:
            predict = PredictionServiceStub(channel).Predict
            for block_group in cycle(self._block_groups):
                if self._ended.wait(max(due - time.monotonic(), 0)):
                    return
                try:
                    predict(PredictRequest(block_group=block_group), timeout=_PATIENCE)
                except grpc.RpcError as error:
                    self.failures[error.code().name] += 1
                else:
                    self.answered.append(TimedCall(due=due, seconds=time.monotonic() - due))
                due += self._pause

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
