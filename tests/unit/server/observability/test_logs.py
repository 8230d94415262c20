"""How a worker's lines reach standard output."""

import io
import json
import threading
from datetime import UTC, datetime
from select import PIPE_BUF
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from housing_server.observability.log_metrics import count_dropped_lines
from housing_server.observability.logs import CallLogger, LineBuffer, configure_logging
from running import wait_for


@pytest.fixture
def stream() -> io.BytesIO:
    """Where lines are written."""
    return io.BytesIO()


def test_lines_are_written_together_and_soon(stream: io.BytesIO) -> None:
    """They wait for each other, not for the next call."""
    lines = LineBuffer(stream)
    lines.info(b"one")
    lines.info(b"two")
    wait_for(lambda: stream.getvalue() or None, "the lines")
    assert stream.getvalue() == b"one\ntwo\n"


def test_error_hurries_what_waits_before_it(stream: io.BytesIO) -> None:
    """The order of lines is the order of events."""
    lines = LineBuffer(stream)
    lines.info(b"one")
    lines.error(b"two")
    wait_for(lambda: True if stream.getvalue() == b"one\ntwo\n" else None, "the lines")


def test_flush_leaves_nothing_behind_and_repeats_nothing(stream: io.BytesIO) -> None:
    """A worker flushes before it exits."""
    lines = LineBuffer(stream)
    lines.info(b"one")
    lines.flush()
    lines.flush()
    assert stream.getvalue() == b"one\n"


class StalledPipe(io.BytesIO):
    """A stream whose reader reads nothing until a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.reads = threading.Event()

    def write(self, data: Any) -> int:
        """Block as a full pipe does."""
        self.begun.set()
        self.reads.wait()
        return super().write(data)


def test_reader_that_stalls_stops_nobody_and_costs_counted_lines() -> None:
    """What waits is bounded; once it reads on, a line says how many it has missed."""
    pipe = StalledPipe()
    registry = CollectorRegistry()
    lines = LineBuffer(pipe, "worker-0", max_bytes=1_000)
    count_dropped_lines(lines, "worker-0", registry)
    lines.error(b"x" * 100)
    pipe.begun.wait()
    for _ in range(1_000):
        lines.info(b"x" * 100)
    lines.flush(seconds=0)
    pipe.reads.set()
    lines.flush()
    *kept, note = pipe.getvalue().splitlines()
    assert kept == [b"x" * 100] * 10
    assert json.loads(note)["lines"] == 991
    assert json.loads(note)["process"] == "worker-0"
    assert registry.get_sample_value("housing_log_lines_dropped_total", {"process": "worker-0"}) == 991


class Chunks(io.BytesIO):
    """A stream that remembers what was written at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def flush(self) -> None:
        """Remember what has been written since the last time."""
        self.written.append(self.getvalue()[sum(map(len, self.written)) :])


def test_processes_that_share_a_pipe_break_no_line_of_each_other() -> None:
    """A pipe mixes what it cannot take at once, so whole lines are written as far as it can; a longer one is alone."""
    stream = Chunks()
    lines = LineBuffer(stream)
    written = [b"x" * length for length in (*range(1, 1_000, 7), PIPE_BUF, 3)]
    for line in written:
        lines.info(line)
    lines.flush()
    assert b"".join(stream.written) == b"".join(line + b"\n" for line in written)
    assert all(chunk.endswith(b"\n") for chunk in stream.written)
    assert all(len(chunk) <= PIPE_BUF for chunk in stream.written if chunk.count(b"\n") > 1)


def test_reader_that_has_gone_is_no_error() -> None:
    """A process that can log no more goes on."""
    closed = io.BytesIO()
    closed.close()
    lines = LineBuffer(closed)
    lines.error(b"one")
    lines.flush()


def test_line_of_a_call_looks_like_any_other_line(stream: io.BytesIO) -> None:
    """Whoever reads the log need not know which lines were written the quick way."""
    lines = LineBuffer(stream)
    log = configure_logging("worker-0", lines)
    CallLogger("worker-0", lines, log).info("rpc", code="OK", request_id=None)
    log.info("rpc", code="OK", request_id=None)
    lines.flush()
    quick, usual = (json.loads(line) for line in stream.getvalue().splitlines())
    assert quick.keys() == usual.keys()
    for line in (quick, usual):
        assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is UTC
    assert quick == usual
