"""Background tasks that survive their own failures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_DOUBLINGS = 10
"""A larger exponent would change nothing, and overflow eventually."""

_Result = TypeVar("_Result")


def backoff_seconds(failures: int) -> float:
    """Return the delay after consecutive failures: exponential, up to 5 s; 0 without a failure."""
    return min(_FIRST_PAUSE_SECONDS * 2 ** min(failures, _DOUBLINGS), _LONGEST_PAUSE_SECONDS) if failures else 0.0


async def keep_doing(
    name: str,
    duty: Callable[[], Awaitable[_Result]],
    log: structlog.typing.FilteringBoundLogger,
    fatal: type[Exception] | tuple[type[Exception], ...] = (),
) -> _Result:
    """Await a duty; whenever it fails, log the exception and start it again with exponential backoff.

    Args:
        name: its name in logs.
        duty: starts it.
        log: logs failures with their tracebacks.
        fatal: exceptions that are raised instead.

    Returns:
        The result of the duty.
    """
    failures = 0
    while True:
        try:
            return await duty()
        except fatal:
            raise
        except Exception:  # pylint: disable=broad-exception-caught  # nothing unexpected must end the supervisor
            failures += 1
            log.exception("background task failed; restarting it", task=name, failures=failures)
        await asyncio.sleep(backoff_seconds(failures))
