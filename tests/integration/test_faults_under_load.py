"""A worker crashes or hangs, the model is swapped, a server stops: no call fails that follows the client's defaults."""

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from housing.example import BERKELEY
from housing_client import PredictionClient, channel_options
from model_versions import move_alias
from running import PATIENCE, TRANSPORTS, Service, running_service, serving_workers, transport_or_skip, wait_for

CALLERS = 4
ATTEMPTS = 5
"""Of a call over JSON: as many as the client makes by default."""
OWN_CONNECTION = ("grpc.use_local_subchannel_pool", 1)
"""Channels of one process share connections otherwise, so that one worker would answer all callers."""


class Load(ExitStack):
    """Callers without a pause, each over a connection of its own, until the end of the block or a failed call."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[Exception] = []
        """Calls that failed."""
        self._answered: dict[int, int] = {}
        self._stopping = threading.Event()

    def add(self, predict: Callable[[], object]) -> None:
        """Start a caller."""
        thread = threading.Thread(target=self._call, args=(predict,))
        thread.start()
        self.callback(thread.join)
        self.callback(self._stopping.set)

    def goes_on(self, calls: int = 20) -> None:
        """Wait until each caller got so many more answers; no call may fail meanwhile."""
        goals = {caller: count + calls for caller, count in list(self._answered.items())}
        wait_for(
            lambda: self.errors or all(self._answered[caller] >= goal for caller, goal in goals.items()) or None,
            "answers to every caller",
        )
        assert not self.errors

    def _call(self, predict: Callable[[], object]) -> None:
        me = threading.get_ident()
        self._answered[me] = 0
        while not self._stopping.is_set() and not self.errors:
            try:
                predict()
            except Exception as error:  # pylint: disable=broad-exception-caught  # whatever it is, the test fails
                self.errors.append(error)
            else:
                self._answered[me] += 1


def add_client(load: Load, *services: Service) -> None:
    """Start a caller that has all services as its target, and the client's defaults."""
    target = "ipv4:" + ",".join(service.target for service in services)
    options = [*channel_options(), OWN_CONNECTION]
    channel = load.enter_context(grpc.insecure_channel(target, options=options))
    client = load.enter_context(PredictionClient(channel=channel))
    load.add(lambda: client.predict(BERKELEY))


def add_json_caller(load: Load, service: Service) -> None:
    """Start a caller over JSON, who calls again when the connection is closed: that of a dead worker is."""
    http = load.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{service.gateway_port}", timeout=PATIENCE))

    def predict() -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                http.post("/api/predict", json=dict(BERKELEY)).raise_for_status()
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    load.add(predict)


def replaced_after(service: Service, number: signal.Signals) -> None:
    """Send a worker a signal, and wait until another serves in its place."""
    before = len(service.command.events("worker serving"))
    serving_workers(service)[0].send_signal(number)
    service.command.wait_for("worker serving", before + 1)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_call_fails_by_the_clients_defaults(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, transport: str
) -> None:
    """Two servers, as behind a name with two addresses: one is crashed, frozen, given another model, and stopped."""
    settings: dict[str, Any] = {
        "transport": transport_or_skip(transport),
        "model_poll_seconds": 0,
        "unresponsive_seconds": 3,
    }
    other = tmp_path_factory.mktemp("other")
    with (
        running_service(folder, workers=2, drain_seconds=0.5, **settings) as service,
        running_service(other, folder, **settings, prediction_log_mode="off") as second,
    ):
        for each in (service, second):
            each.command.wait_for("serving")
        with Load() as load:
            for _ in range(CALLERS):
                add_client(load, service, second)
            if service.gateway_port:
                add_json_caller(load, service)
            load.goes_on()
            replaced_after(service, signal.SIGKILL)
            load.goes_on()
            replaced_after(service, signal.SIGSTOP)
            load.goes_on()
            assert move_alias(service, folder, "2")["result"] == "accepted"
            load.goes_on()
        with Load() as load:  # over JSON, the second server would have another address
            for _ in range(CALLERS):
                add_client(load, service, second)
            load.goes_on()
            service.command.send(signal.SIGTERM)
            assert service.command.exit_code() == 0
            load.goes_on()
