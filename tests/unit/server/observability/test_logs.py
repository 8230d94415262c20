"""How a worker's lines reach standard output."""

import asyncio
import io
import json
from datetime import UTC, datetime

import pytest

from housing_server.observability.logs import CallLines, LineBuffer, configure_logging
from running import wait_for


@pytest.fixture
def stream() -> io.BytesIO:
    """Where lines are written."""
    return io.BytesIO()


async def test_lines_are_written_together_and_soon(stream: io.BytesIO) -> None:
    """They wait for each other, not for the next call."""
    lines = LineBuffer(stream)
    lines.info(b"one")
    lines.info(b"two")
    assert stream.getvalue() == b""
    await asyncio.to_thread(wait_for, lambda: stream.getvalue() or None, "the lines")
    assert stream.getvalue() == b"one\ntwo\n"


async def test_error_is_written_at_once_after_what_waits(stream: io.BytesIO) -> None:
    """The order of lines is the order of events."""
    lines = LineBuffer(stream)
    lines.info(b"one")
    lines.error(b"two")
    assert stream.getvalue() == b"one\ntwo\n"


async def test_flush_leaves_nothing_behind_and_repeats_nothing(stream: io.BytesIO) -> None:
    """A worker flushes before it exits."""
    lines = LineBuffer(stream)
    lines.info(b"one")
    lines.flush()
    lines.flush()
    assert stream.getvalue() == b"one\n"


async def test_many_lines_do_not_pile_up(stream: io.BytesIO) -> None:
    """However many calls there are between two turns of the clock, memory is bounded."""
    lines = LineBuffer(stream)
    for number in range(1_000):
        lines.info(str(number).encode())
    assert stream.getvalue().count(b"\n") > 700


async def test_line_of_a_call_looks_like_any_other_line(stream: io.BytesIO) -> None:
    """Whoever reads the log need not know which lines were written the quick way."""
    lines = LineBuffer(stream)
    log = configure_logging("worker-0", lines)
    CallLines("worker-0", lines, log).info("rpc", code="OK", request_id=None)
    log.info("rpc", code="OK", request_id=None)
    lines.flush()
    quick, usual = (json.loads(line) for line in stream.getvalue().splitlines())
    assert quick.keys() == usual.keys()
    for line in (quick, usual):
        assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is UTC
    assert quick == usual
