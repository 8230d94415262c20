"""A worker's look at whether answers can be put on record."""

import structlog
from structlog.testing import capture_logs

from housing_server.processes.log_watch import LogWatch
from serving_fakes import ListLog


async def test_each_change_is_reported_and_logged_once() -> None:
    """However often it is looked at in between."""
    sink, reported = ListLog(), []

    async def on_change(problem: str) -> None:
        reported.append(problem)

    with capture_logs() as lines:
        watch = LogWatch(sink, on_change, structlog.get_logger())
        for down in (False, False, True, True, True, False, False):
            sink.down = down
            await watch.check()
    assert reported == ["the list is down", ""]
    assert [line["log_level"] for line in lines] == ["error", "info"]
