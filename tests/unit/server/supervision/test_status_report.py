"""Reporting the state of the service to the workers."""

import pytest
from google.protobuf import json_format

from housing.v1.status_service_pb2 import GetStatusResponse
from housing_server.control.messages import ControlMessage, ReportStatus
from housing_server.supervision.process import SupervisedProcess
from housing_server.supervision.status_report import StatusReporter
from supervision_fakes import Surroundings


class Listener(SupervisedProcess):
    """A process that remembers what it is sent."""

    serving = True

    def __init__(self, around: Surroundings) -> None:
        super().__init__("worker-0", "housing_server.processes.worker", around.supervision)
        self.sent: list[ControlMessage] = []

    def send(self, message: ControlMessage) -> None:
        """Remember a message."""
        self.sent.append(message)

    def configuration(self) -> ControlMessage:
        """Fail: it is never started."""
        raise AssertionError

    def on_message(self, message: ControlMessage) -> None:
        """Ignore it."""

    def on_exit(self) -> None:
        """Ignore it."""


@pytest.fixture
def around() -> Surroundings:
    """A log."""
    return Surroundings()


async def test_workers_receive_the_state_as_json(around: Surroundings) -> None:
    """They answer GetStatus with it."""
    listener = Listener(around)
    StatusReporter(lambda: GetStatusResponse(uptime_seconds=3), [listener], around.log).report()
    message = listener.sent[-1]
    assert len(listener.sent) == 1
    assert isinstance(message, ReportStatus)
    assert json_format.Parse(message.status, GetStatusResponse()).uptime_seconds == 3


async def test_report_that_fails_is_logged_once_and_tried_again(around: Surroundings) -> None:
    """A figure that cannot be measured, such as a disk that is gone, ends nothing."""
    states: list[GetStatusResponse | OSError] = [
        GetStatusResponse(),
        OSError("gone"),
        OSError("gone"),
        GetStatusResponse(),
    ]

    def report() -> GetStatusResponse:
        state = states.pop(0)
        if isinstance(state, OSError):
            raise state
        return state

    listener = Listener(around)
    reporter = StatusReporter(report, [listener], around.log)
    while states:
        reporter.report()
    assert len(listener.sent) == 2
    assert around.events("error") == ["measuring the state of the service failed; callers see the last one"]
    assert around.events("info") == ["the state of the service can be measured again"]
