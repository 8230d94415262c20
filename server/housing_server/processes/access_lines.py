"""The access log of the Envoy around a worker, on its way to the standard output that all processes share.

Envoy writes many lines at once, more than a pipe accepts atomically, so that lines of other processes would end up in
the middle of its own. It writes to a pipe instead, and the worker in it copies the lines.
"""

import os
import sys
import threading
from typing import Self

from housing_server.observability.logs import LineBuffer

_CHUNK = 1 << 16


class AccessLines:
    """Copies the lines that are written to a pipe, on a thread, until the process ends."""

    def __init__(self, pipe: int, lines: LineBuffer) -> None:
        """Start to copy.

        Args:
            pipe: file descriptor of the pipe's end to read from.
            lines: writes the lines.
        """
        self._pipe = pipe
        self._lines = lines
        threading.Thread(target=self._copy, name="access log", daemon=True).start()

    @classmethod
    def to_standard_output(cls, pipe: int) -> Self:
        """Start to copy to standard output, past the buffer that the worker's own log uses on another thread."""
        return cls(pipe, LineBuffer(open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)))

    def flush(self) -> None:
        """Wait until the lines that were read are written."""
        self._lines.flush()

    def _copy(self) -> None:
        rest = b""
        while chunk := os.read(self._pipe, _CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._lines.info(line)
