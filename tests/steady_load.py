"""Calls that never stop, while something happens to servers: how many were answered, and which failed."""

import asyncio
import threading
from typing import TYPE_CHECKING, Self

import grpc

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from running import wait_for

if TYPE_CHECKING:
    from housing.v1.prediction_service_pb2_grpc import PredictionServiceAsyncStub

_CALLERS = 8
_PAUSE_SECONDS = 0.01


class Load:
    """Callers that call one after another, from a thread, until the end of the block."""

    def __init__(self, target: str, key: str | None = None) -> None:
        """Call nothing yet.

        Args:
            target: where the gateway is.
            key: the API key that calls carry, if the service wants one.
        """
        self.answers = [0] * _CALLERS
        """Answers by caller."""
        self.failures: list[str] = []
        """What calls failed with."""
        self._target = target
        self._metadata = () if key is None else (("x-api-key", key),)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def wait_for_all(self, calls: int) -> None:
        """Wait until every caller has been answered so many times more."""
        wanted = [count + calls for count in self.answers]
        wait_for(
            lambda: True if all(map(int.__ge__, self.answers, wanted)) else None, f"{calls} answers for each caller"
        )

    async def _run(self) -> None:
        async with grpc.aio.insecure_channel(self._target) as channel:
            stub = PredictionServiceStub(channel)
            await asyncio.gather(*(self._call(stub, caller) for caller in range(_CALLERS)))

    async def _call(self, stub: "PredictionServiceAsyncStub", caller: int) -> None:
        request = PredictRequest(block_group=message_from_mapping(BERKELEY))
        while not self._stopping.is_set():
            try:
                await stub.Predict(request, timeout=100, metadata=self._metadata)
                self.answers[caller] += 1
            except grpc.aio.AioRpcError as error:
                self.failures.append(f"{error.code().name}: {error.details()}")
            await asyncio.sleep(_PAUSE_SECONDS)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
