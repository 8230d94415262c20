"""What happens around a call in the process that it was relayed to: the worker has counted and logged it already."""

from functools import partial

import grpc
import structlog

from housing_server.core.gate import Gate
from housing_server.grpc_transport.call import Call, Method


def relayed_calls(log: structlog.typing.FilteringBoundLogger) -> "partial[Call]":
    """Make what goes around every relayed call: errors are worded, and those that nobody foresaw are logged."""
    return partial(Call, gate=Gate(), observer=_Uncounted(), log=_FailuresOnly(log))


class _Uncounted:
    """Counts nothing: the worker that relayed a call has counted it."""

    def call_started(self, method: Method) -> None:
        """Count nothing."""

    def call_ended(self, method: Method, code: grpc.StatusCode, seconds: float) -> None:
        """Count nothing."""


class _FailuresOnly:
    """Logs what went wrong in here; of calls, the worker that relayed them tells."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log

    def info(self, event: str, **facts: object) -> None:
        """Log nothing."""

    def error(self, event: str, **facts: object) -> None:
        """Log an error."""
        self._log.error(event, **facts)
