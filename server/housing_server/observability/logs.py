"""Logs: one JSON object per line on standard output, cheap enough for one line per call."""

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from select import PIPE_BUF
from typing import BinaryIO

import orjson
import structlog

_FLUSH_SECONDS = 0.05
_MAX_BYTES = 8 << 20
"""The most bytes buffered for a stalled reader: about 20,000 lines."""

_LAST_SECONDS = 2.0
"""How long an exiting process waits for a stalled reader."""


class LineBuffer:
    """Buffers the lines of a process and writes them on a thread, so that a slow reader never blocks the logger.

    A line waits for up to 0.05 s, one about an error not at all. Lines in the buffer are lost when the process is
    killed. When the reader stalls, lines beyond a bound are dropped and counted, and a line reports their number once
    it reads again. Writes are no larger than a pipe accepts atomically, so that the lines of processes that share it
    stay intact. Safe to use from any thread.
    """

    def __init__(self, stream: BinaryIO, process: str = "", max_bytes: int = _MAX_BYTES) -> None:
        """Create an empty buffer; the thread starts with the first line.

        Args:
            stream: where to write.
            process: the process's name in reports of dropped lines.
            max_bytes: the most bytes to buffer.
        """
        self._stream = stream
        self._process = process
        self._max_bytes = max_bytes
        self._lines: list[bytes] = []
        self._bytes = 0
        self._dropped = 0
        self.on_drop: Callable[[], object] = lambda: None
        """Called for each dropped line."""
        self._urgent = False
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def info(self, line: bytes) -> None:
        """Write a line soon."""
        self._add(line, urgent=False)

    def error(self, line: bytes) -> None:
        """Write a line at once, after those in the buffer."""
        self._add(line, urgent=True)

    debug = info
    warning = critical = exception = error

    def flush(self, seconds: float = _LAST_SECONDS) -> None:
        """Wait up to `seconds` until all lines are written."""
        with self._changed:
            self._urgent = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._bytes, seconds)

    def _add(self, line: bytes, *, urgent: bool) -> None:
        with self._lock:
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
            # A closed pipe or a full disk must not end the thread: a later write may succeed.
            with suppress(OSError, ValueError):
                for chunk in _chunks(lines):
                    self._stream.write(chunk)
                    self._stream.flush()
            with self._changed:
                self._bytes -= sum(map(len, lines[:-1] if dropped else lines))
                self._changed.notify_all()

    def _next(self) -> tuple[list[bytes], int]:
        """Wait for lines; return them, and the number of lines dropped since the last call."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines)
            self._changed.wait_for(lambda: self._urgent, _FLUSH_SECONDS)
            lines, self._lines, self._urgent = self._lines, [], False
            dropped, self._dropped = self._dropped, 0
            return lines, dropped

    def _drop_line(self, lines: int) -> bytes:
        event = "log lines dropped: their reader does not keep up"
        line = {"process": self._process, "lines": lines, "event": event, "level": "warning", "timestamp": _now()}
        return orjson.dumps(line)


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines, each with its line end, up to the size of an atomic pipe write; a longer line is alone."""
    chunk = b""
    for line in lines:
        if chunk and len(chunk) + len(line) >= PIPE_BUF:
            yield chunk
            chunk = b""
        chunk += line + b"\n"
    if chunk:
        yield chunk


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _now() -> str:
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


def log_level() -> int:
    """Return the log level of HOUSING_LOG_LEVEL, which child processes inherit; `info` when it is unknown."""
    return logging.getLevelNamesMapping().get(os.environ.get("HOUSING_LOG_LEVEL", "").upper(), logging.INFO)


class CallLogger:
    """Logs one line per call, in structlog's format at a tenth of its cost."""

    def __init__(self, process: str, lines: LineBuffer, log: structlog.typing.FilteringBoundLogger) -> None:
        """Create a logger.

        Args:
            process: the process's name.
            lines: writes the lines.
            log: logs errors.
        """
        self._process = process
        self._lines = lines
        self.error = log.error
        """Logs an error with its traceback."""
        self._silent = log_level() > logging.INFO

    def info(self, event: str, **facts: object) -> None:
        """Log an event with its fields."""
        if self._silent:
            return
        line = {"process": self._process, **facts, "event": event, "level": "info", "timestamp": _now()}
        self._lines.info(orjson.dumps(line))


def configure_logging(process: str, lines: LineBuffer | None = None) -> structlog.typing.FilteringBoundLogger:
    """Configure structlog for this process and return its logger, which adds the process's name to every line.

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
