"""The origin of a call: what the transport knows of it, and what the prediction log records."""

import time
from typing import NamedTuple, Protocol


class RunTimes(NamedTuple):
    """The phases of a run, in seconds."""

    queue: float
    """From the arrival of its first row to its start."""
    inference: float
    """In the model."""
    append: float
    """Appending the answers to the prediction log."""


class CallSpan(Protocol):
    """The trace span of a call."""

    trace_id: str
    """Id of the trace that the call is part of, 32 hexadecimal digits."""

    def ran(self, times: RunTimes) -> None:
        """Record the phases of the run that answered the call; from any thread."""

    def end(self, code: int) -> None:
        """End the span with the `google.rpc.Code` of the call."""


class Caller(NamedTuple):
    """The origin of one or more rows."""

    method: str
    """Name of the method that was called, for example `Predict`."""
    peer: str
    """Peer address, as the transport writes it: for limits per connection, and not for the record."""
    request_id: str | None
    """The id of the request: the caller's, the gateway's, or one made when the call arrived."""
    trace_id: str | None
    """Id of the trace that the call is part of, 32 hexadecimal digits."""
    arrived: float
    """Arrival time by `time.perf_counter`, in seconds."""
    deadline: float | None = None
    """The deadline by the same clock; None without one."""
    span: CallSpan | None = None
    """The trace span of the call; None when it is not traced."""
    traceparent: str | None = None
    """The W3C trace context of the request, unvalidated."""
    recorded_peer: str | None = None
    """The peer address as it is recorded; None for all of it."""
    identity: str = ""
    """Name of the caller: that of its key or certificate, or what another process has forwarded; empty without one."""
    canary: str | None = None
    """The caller's choice of the version that answers, unvalidated; see `core/canary.py`."""

    @property
    def peer_on_record(self) -> str:
        """The peer address for logs and records."""
        return self.peer if self.recorded_peer is None else self.recorded_peer

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.deadline <= time.perf_counter()

    def named(self, claimed: str) -> str:
        """Return who calls, for the record: the name that the caller claims, and the one that is verified."""
        if claimed and self.identity:
            return f"{claimed} ({self.identity})"
        return claimed or self.identity or self.peer_on_record

    def seconds_left(self) -> float | None:
        """Return the time until the deadline; None without one."""
        return None if self.deadline is None else self.deadline - time.perf_counter()
