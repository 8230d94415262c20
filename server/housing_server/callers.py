"""Who asks: what the transport knows of a call, and the record of its answer keeps."""

from typing import NamedTuple


class Caller(NamedTuple):
    """The origin of one or more rows."""

    method: str
    """Name of the method that was called, for example `Predict`."""
    peer: str
    """Address that the call came from, as the transport writes it."""
    request_id: str | None
    """The id that the gateway, or the caller, gave the request."""
    trace_id: str | None
    """Id of the trace that the call is part of, 32 hexadecimal digits."""
    arrived: float
    """When the call arrived, by `time.perf_counter`, in seconds."""
