"""A gateway before a server that answers everything, for tests of what the gateway does by itself."""

import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import grpc
import httpx
import pytest

from housing.example import BERKELEY
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from running import Gateway, gateway_command, wait_for
from upstreams import UpstreamServer, running_upstream

ROW = dict(BERKELEY)
PREDICT = "/housing.v1.PredictionService/Predict"
SHOP = "https://shop.example"
"""The origin of pages that may call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A gateway, what is behind it, and a client."""

    upstream: UpstreamServer
    """What is behind it."""
    gateway: Gateway
    """The gateway."""
    http: httpx.Client
    """JSON over HTTP."""

    def get(self, target: str) -> tuple[int, str]:
        """Ask for a path and a query that no client would send as they are; return status and body."""
        connection = HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
        with closing(connection):
            connection.request("GET", target)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def logged(self, request_id: str) -> dict[str, Any]:
        """Wait for the line that Envoy logs about a request."""

        def look() -> dict[str, Any] | None:
            lines = self.gateway.command.events("request")
            return next((line for line in lines if line["request_id"] == request_id), None)

        return wait_for(look, f"the line about {request_id}")


@pytest.fixture(scope="session", name="front")
def running_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One gateway for all tests of a process."""
    with (
        running_upstream() as upstream,
        gateway_command(upstream, tmp_path_factory.mktemp("gateway"), gateway_threads=1, cors_origins=SHOP) as gateway,
        httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=60) as http,
    ):
        wait_for(lambda: True if http.get("/health").status_code == 200 else None, "a healthy upstream")
        yield Front(upstream=upstream, gateway=gateway, http=http)


@pytest.fixture(scope="session", name="stub")
def front_stub(front: Front) -> Iterator[PredictionServiceStub]:
    """GRPC through the gateway."""
    with grpc.insecure_channel(f"127.0.0.1:{front.gateway.port}") as channel:
        yield PredictionServiceStub(channel)


def reason(answer: httpx.Response) -> tuple[int, str]:
    """HTTP status and reason of a refusal, which must be a Status."""
    assert answer.headers["content-type"] == "application/json", answer.text
    return answer.status_code, answer.json()["details"][-1]["reason"]


def frame(message: PredictRequest) -> bytes:
    """A message as gRPC sends it."""
    data = message.SerializeToString()
    return struct.pack(">BI", 0, len(data)) + data
