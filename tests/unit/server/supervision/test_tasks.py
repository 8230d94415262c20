"""Background tasks that fail."""

import itertools

import pytest

from housing_server.errors import StartError
from housing_server.supervision.tasks import backoff_seconds, keep_doing
from supervision_fakes import Surroundings


async def test_duty_that_fails_is_begun_again_and_logged() -> None:
    """Never in silence."""
    around, tries = Surroundings(), itertools.count(1)

    async def duty() -> int:
        if (number := next(tries)) < 3:
            raise ValueError(number)
        return number

    assert await keep_doing("duty", duty, around.log) == 3
    assert around.events("error") == ["background task failed; restarting it"] * 2


async def test_what_is_fatal_is_raised() -> None:
    """A service without a model cannot start."""

    async def duty() -> None:
        raise StartError("no model")

    with pytest.raises(StartError, match="no model"):
        await keep_doing("duty", duty, Surroundings().log, fatal=StartError)


def test_pauses_grow_up_to_five_seconds_for_ever() -> None:
    """However often it has failed: a power of two that grows on would overflow within two hours."""
    assert [backoff_seconds(failures) for failures in (0, 1, 2, 3)] == [0, 0.2, 0.4, 0.8]
    assert backoff_seconds(100_000) == 5
