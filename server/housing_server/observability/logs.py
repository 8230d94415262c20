"""Logs: one JSON object a line on standard output, cheap enough for one line a call."""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from select import PIPE_BUF
from typing import BinaryIO

import orjson
import structlog

_FLUSH_SECONDS = 0.05
_MAX_BYTES = 8 << 20
"""What waits for a reader that has stalled, at most: about 20,000 lines."""

_LAST_SECONDS = 2.0
"""How long a process that ends waits for such a reader."""


class LineBuffer:
    """Gathers the lines of a process, and writes them together, on a thread: no reader stalls what logs.

    A line waits for 0.05 s at most, and one about an error not at all. A process that is killed takes its last lines
    with it. When a reader stalls, lines beyond a bound are dropped and counted; a line says how many, once it reads on.
    What is written at a time is as much as a pipe takes at once, so that processes that share it break no line of each
    other's. From any thread.
    """

    def __init__(self, stream: BinaryIO, process: str = "", max_bytes: int = _MAX_BYTES) -> None:
        """Begin with none; the thread starts with the first line.

        Args:
            stream: where lines are written.
            process: who is said to have dropped lines.
            max_bytes: how much may wait to be written.
        """
        self._stream = stream
        self._process = process
        self._max_bytes = max_bytes
        self._lines: list[bytes] = []
        self._bytes = 0
        self._dropped = 0
        self.on_drop: Callable[[], object] = lambda: None
        """Is called for each line that is dropped."""
        self._urgent = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def info(self, line: bytes) -> None:
        """Write a line soon."""
        self._add(line, urgent=False)

    def error(self, line: bytes) -> None:
        """Write a line at once, after those that wait."""
        self._add(line, urgent=True)

    debug = info
    warning = critical = exception = error

    def flush(self, seconds: float = _LAST_SECONDS) -> None:
        """Wait until all lines are written, unless the reader has stalled for so long."""
        with self._changed:
            self._urgent = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._bytes, seconds)

    def _add(self, line: bytes, *, urgent: bool) -> None:
        with self._changed:
            if self._bytes + len(line) > self._max_bytes:
                self._dropped += 1
                self.on_drop()
                return
            self._lines.append(line)
            self._bytes += len(line)
            if urgent or len(self._lines) == 1:
                self._urgent |= urgent
                self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_writing, name="log", daemon=True)
                self._thread.start()

    def _keep_writing(self) -> None:
        while True:
            lines, dropped = self._next()
            if dropped:
                lines.append(self._drop_line(dropped))
            # A reader that has gone, or a full disk, is no reason to end: there may be another line to write.
            with suppress(OSError, ValueError):
                for chunk in _chunks(lines):
                    self._stream.write(chunk)
                    self._stream.flush()
            with self._changed:
                self._bytes -= sum(map(len, lines[:-1] if dropped else lines))
                self._changed.notify_all()

    def _next(self) -> tuple[list[bytes], int]:
        """Wait for lines; return them, and how many were dropped since the last time."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines)
            self._changed.wait_for(lambda: self._urgent, _FLUSH_SECONDS)
            lines, self._lines, self._urgent = self._lines, [], False
            dropped, self._dropped = self._dropped, 0
            return lines, dropped

    def _drop_line(self, lines: int) -> bytes:
        event = "log lines dropped: whoever reads them does not keep up"
        return orjson.dumps({"process": self._process, "lines": lines, "event": event, "level": "warning"} | _now())


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines, each with its end, as far as a pipe takes them at once; a longer line is alone."""
    chunk = b""
    for line in lines:
        if chunk and len(chunk) + len(line) >= PIPE_BUF:
            yield chunk
            chunk = b""
        chunk += line + b"\n"
    if chunk:
        yield chunk


def _now() -> dict[str, str]:
    return {"timestamp": f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"}


def log_level() -> int:
    """Read from HOUSING_LOG_LEVEL which events are logged; processes inherit it. Unknown levels count as `info`."""
    return logging.getLevelNamesMapping().get(os.environ.get("HOUSING_LOG_LEVEL", "").upper(), logging.INFO)


class CallLines:
    """Logs calls: a line for each, as structlog would write it, at a tenth of the cost."""

    def __init__(self, process: str, lines: LineBuffer, log: structlog.typing.FilteringBoundLogger) -> None:
        """Prepare to log.

        Args:
            process: the process's name.
            lines: writes the lines.
            log: logs what is no everyday line.
        """
        self._process = process
        self._lines = lines
        self.error = log.error
        """Logs an error, whole."""
        self._silent = log_level() > logging.INFO

    def info(self, event: str, **facts: object) -> None:
        """Log an event with what is known of it."""
        if self._silent:
            return
        self._lines.info(orjson.dumps({"process": self._process, **facts, "event": event, "level": "info"} | _now()))


def configure_logging(process: str, lines: LineBuffer | None = None) -> structlog.typing.FilteringBoundLogger:
    """Set up structlog for this process and return its logger, which names the process in every line.

    Args:
        process: the process's name.
        lines: writes the lines; by default to standard output.
    """
    writer = lines or LineBuffer(sys.stdout.buffer, process)
    atexit.register(writer.flush)
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(log_level()),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=lambda *_: writer,
    )
    return structlog.get_logger(process=process)  # type: ignore[no-any-return]  # get_logger is typed as Any
