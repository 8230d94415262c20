"""Who asks: what the transport knows of a call, and the record of its answer keeps."""

import time
from typing import NamedTuple, Protocol


class RunTimes(NamedTuple):
    """Where the time of a run went, in seconds."""

    queue: float
    """From the arrival of its first row to its start."""
    inference: float
    """In the model."""
    append: float
    """Putting the answers on record."""


class CallSpan(Protocol):
    """What a trace knows of a call."""

    trace_id: str
    """Id of the trace that the call is part of, 32 hexadecimal digits."""

    def ran(self, times: RunTimes) -> None:
        """Record where the time of a run went that has just answered the call; from any thread."""

    def end(self, code: int) -> None:
        """End the span with the `google.rpc.Code` of the call."""


class Caller(NamedTuple):
    """The origin of one or more rows."""

    method: str
    """Name of the method that was called, for example `Predict`."""
    peer: str
    """Address that the call came from, as the transport writes it."""
    request_id: str | None
    """The id of the request: the caller's, the gateway's, or one made when the call arrived."""
    trace_id: str | None
    """Id of the trace that the call is part of, 32 hexadecimal digits."""
    arrived: float
    """When the call arrived, by `time.perf_counter`, in seconds."""
    deadline: float | None = None
    """When the caller stops waiting, by the same clock; None when it does not say."""
    span: CallSpan | None = None
    """What traces the call; None when nothing does."""
    traceparent: str | None = None
    """The W3C trace context that came with the call, unchecked."""

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.deadline <= time.perf_counter()

    def seconds_left(self) -> float | None:
        """Return how long the caller still waits; None when it does not say."""
        return None if self.deadline is None else self.deadline - time.perf_counter()
