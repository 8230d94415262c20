"""When a process is taken for frozen, and when the supervisor itself was."""

import pytest

from housing_server.supervision.liveness import Liveness


class Clock:
    """A clock that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def checks(liveness: Liveness, clock: Clock, count: int, pause: float = 1.0) -> list[bool]:
    """Check again and again, with pauses in between."""
    found = []
    for _ in range(count):
        clock.seconds += pause
        found.append(liveness.lost())
    return found


def test_silence_for_longer_than_the_limit_is_the_end(clock: Clock) -> None:
    """Not before."""
    liveness = Liveness(10, clock)
    liveness.sign()
    assert checks(liveness, clock, 11) == [False] * 10 + [True]


def test_each_sign_of_life_begins_anew(clock: Clock) -> None:
    """A busy process that answers late is alive."""
    liveness = Liveness(10, clock)
    for _ in range(5):
        liveness.sign()
        assert not any(checks(liveness, clock, 9))


@pytest.mark.parametrize("stopped", [60.0, 86_400.0])
def test_time_in_which_nobody_listened_does_not_count(clock: Clock, stopped: float) -> None:
    """A supervisor that was stopped, or a machine that was suspended, kills nobody when it goes on."""
    liveness = Liveness(10, clock)
    liveness.sign()
    assert not any(checks(liveness, clock, 3, pause=stopped))


def test_first_sign_may_take_longer(clock: Clock) -> None:
    """Libraries are imported before the event loop turns; but not for ever."""
    liveness = Liveness(10, clock)
    found = checks(liveness, clock, 125)
    assert not any(found[:120])
    assert found[-1]


def test_without_a_limit_nothing_is_lost(clock: Clock) -> None:
    """0 switches it off."""
    liveness = Liveness(0, clock)
    liveness.sign()
    assert not any(checks(liveness, clock, 1000))


def test_several_checks_fall_within_the_limit(clock: Clock) -> None:
    """Or one late answer would decide."""
    assert Liveness(10, clock).pause_seconds == 1
    assert Liveness(0.4, clock).pause_seconds == pytest.approx(0.1)
