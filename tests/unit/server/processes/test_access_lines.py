"""How Envoy's access log reaches the output that all processes share."""

import os
from select import PIPE_BUF
from threading import Event

from housing_server.observability.logs import LineBuffer
from housing_server.processes.access_lines import AccessLines

LINES = [b"%d" % number + b"x" * 600 for number in range(40)]


class Written:
    """A stream that remembers each write."""

    def __init__(self, size: int) -> None:
        self.writes: list[bytes] = []
        self.complete = Event()
        self._size = size

    def write(self, data: bytes) -> int:
        """Remember it."""
        self.writes.append(data)
        if sum(map(len, self.writes)) >= self._size:
            self.complete.set()
        return len(data)

    def flush(self) -> None:
        """Do nothing."""


def test_lines_are_written_whole_however_envoy_has_cut_them() -> None:
    """Each write consists of whole lines, and is one that a pipe accepts atomically."""
    data = b"".join(line + b"\n" for line in LINES)
    stream = Written(len(data))
    reading, writing = os.pipe()
    AccessLines(reading, LineBuffer(stream))  # type: ignore[arg-type]  # the part of a stream that is used
    for start in range(0, len(data), 1000):
        os.write(writing, data[start : start + 1000])
    assert stream.complete.wait(60)
    assert b"".join(stream.writes) == data
    assert all(each.endswith(b"\n") and len(each) <= PIPE_BUF for each in stream.writes)
    os.close(writing)
