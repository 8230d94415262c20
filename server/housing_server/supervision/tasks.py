"""Background tasks that outlive their own faults."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_DOUBLINGS = 10
"""More would change nothing, and a power that grows for ever overflows one day."""

_Result = TypeVar("_Result")


def backoff_seconds(failures: int) -> float:
    """Compute how long to wait after failures in a row: exponentially longer, up to 5 s; not at all after none."""
    return min(_FIRST_PAUSE_SECONDS * 2 ** min(failures, _DOUBLINGS), _LONGEST_PAUSE_SECONDS) if failures else 0.0


async def keep_doing(
    name: str,
    duty: Callable[[], Awaitable[_Result]],
    log: structlog.typing.FilteringBoundLogger,
    fatal: type[Exception] | tuple[type[Exception], ...] = (),
) -> _Result:
    """Wait for a duty; whenever it fails, log why and begin it again with exponential backoff.

    Args:
        name: what logs call it.
        duty: begins it.
        log: logs failures, whole.
        fatal: exceptions that are raised instead.

    Returns:
        What the duty returns.
    """
    failures = 0
    while True:
        try:
            return await duty()
        except fatal:
            raise
        except Exception:  # pylint: disable=broad-exception-caught  # nothing unexpected ends a supervisor
            failures += 1
            log.exception("background task failed; it is started again", task=name, failures=failures)
        await asyncio.sleep(backoff_seconds(failures))
