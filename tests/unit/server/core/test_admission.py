"""How much work may be under way."""

from asyncio import CancelledError
from contextlib import ExitStack, suppress

import pytest

from housing_server.core.admission import Admission
from housing_server.errors import DeadlinePassed, FieldViolation, InvalidRequest, Overloaded
from serving_fakes import Notes


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


def admission(clock: Clock, *, max_rows: int = 1_000, max_queue_seconds: float = 1.0) -> Admission:
    """An admission with a clock."""
    return Admission(Notes(), max_rows=max_rows, max_queue_seconds=max_queue_seconds, clock=clock)


def answer(gate: Admission, clock: Clock, *, seconds: float, rows: int = 1, calls: int = 1) -> None:
    """Admit calls one after the other, each with a duration."""
    for _ in range(calls):
        with gate.admit(rows):
            clock.now += seconds


def test_rows_in_flight_are_bounded_and_given_back(clock: Clock) -> None:
    """What has ended makes room, however it ended."""
    gate = admission(clock)
    with gate.admit(900):
        with pytest.raises(Overloaded), gate.admit(101):
            pass
        with pytest.raises(ZeroDivisionError), gate.admit(100):
            raise ZeroDivisionError
        assert gate.rows == 900
    assert gate.rows == 0


def test_call_that_is_larger_than_the_bound_is_admitted_alone(clock: Clock) -> None:
    """Or it would never be answered."""
    gate = admission(clock)
    with gate.admit(10_000), pytest.raises(Overloaded), gate.admit(1):
        pass


def test_pace_decides_how_much_may_wait(clock: Clock) -> None:
    """At 100 ms a call the twentieth would wait for a second, and more; at 1 ms it would not."""
    slow, quick = admission(clock), admission(clock)
    answer(slow, clock, seconds=0.1, calls=100)
    answer(quick, clock, seconds=0.001, calls=100)
    assert 10 < admitted(slow) < 25
    assert admitted(quick) > 500


def admitted(gate: Admission) -> int:
    """Begin calls until one is refused; tell how many were admitted."""
    with ExitStack() as calls:
        for begun in range(1_000):
            try:
                calls.enter_context(gate.admit(1))
            except Overloaded:
                return begun
    return 1_000


def test_large_batches_keep_no_small_call_out(clock: Clock) -> None:
    """They share the processor with it; another batch would have to wait for them."""
    gate = admission(clock, max_rows=100_000)
    answer(gate, clock, seconds=1.0, rows=10_000)
    with gate.admit(10_000), gate.admit(10_000):
        assert gate.queue_seconds(1) < 0.01
        assert gate.queue_seconds(1_000) == pytest.approx(0.2, rel=0.1)
        with pytest.raises(Overloaded), gate.admit(10_000):
            pass
        with gate.admit(1):
            pass


def test_calls_answered_beside_a_batch_say_little_of_its_pace(clock: Clock) -> None:
    """What is compared with the time of a call is the work that it waited for, and not all that was under way."""
    gate = admission(clock, max_rows=30_000)
    with gate.admit(10_000):
        answer(gate, clock, seconds=0.0004, calls=1_000)
        assert gate.queue_seconds(10_000) < 0.5


def test_calls_that_time_out_slow_the_pace(clock: Clock) -> None:
    """Or a service that is too slow for its callers would go on admitting them."""
    gate = admission(clock)
    for _ in range(20):
        with suppress(CancelledError), gate.admit(1):
            clock.now += 1.0
            raise CancelledError
    with gate.admit(1):
        assert gate.queue_seconds(1) > 0.1


def test_requests_that_break_a_rule_tell_nothing_of_the_pace(clock: Clock) -> None:
    """They are refused in no time, whatever their size."""
    gate = admission(clock)
    answer(gate, clock, seconds=0.1, calls=20)
    with gate.admit(1):
        before = gate.queue_seconds(1)
        clock.now += 0.1
    for _ in range(100):
        with suppress(InvalidRequest), gate.admit(1_000):
            clock.now += 0.001
            raise InvalidRequest([FieldViolation(field="latitude", rule="required", description="is missing")])
    with gate.admit(1):
        assert gate.queue_seconds(1) == pytest.approx(before, rel=0.1)


def test_call_that_would_wait_beyond_its_deadline_is_refused(clock: Clock) -> None:
    """Its answer would be for nobody; without others before it, it is tried."""
    gate = admission(clock)
    answer(gate, clock, seconds=0.1, calls=20)
    with gate.admit(1, seconds_left=0.02):
        with pytest.raises(Overloaded), gate.admit(1, seconds_left=0.02):
            pass
        with gate.admit(1, seconds_left=0.2):
            pass


def test_one_slow_call_refuses_no_burst(clock: Clock) -> None:
    """A pause of half a second in an idle service is no sign of overload."""
    gate = admission(clock)
    answer(gate, clock, seconds=0.5)
    assert admitted(gate) > 20


def test_idle_time_says_nothing_of_the_pace(clock: Clock) -> None:
    """An hour between two calls is no hour of work."""
    gate = admission(clock)
    for _ in range(10):
        answer(gate, clock, seconds=0.001)
        clock.now += 3600
    with gate.admit(1):
        assert gate.queue_seconds(1) < 0.001


def test_refusals_are_told_by_reason(clock: Clock) -> None:
    """Rows are memory, the queue is time, and a deadline is the caller's time."""
    notes = Notes()
    gate = Admission(notes, max_rows=10, max_queue_seconds=1e-9, clock=clock)
    with gate.admit(10), pytest.raises(Overloaded), gate.admit(1):
        pass
    with gate.admit(1), pytest.raises(Overloaded), gate.admit(1):
        pass
    patient = Admission(notes, max_rows=10, max_queue_seconds=1.0, clock=clock)
    with patient.admit(1), pytest.raises(Overloaded), patient.admit(1, seconds_left=1e-9):
        pass
    assert notes.reasons == ["rows", "queue", "deadline"]


def test_deadline_that_has_passed_says_nothing_about_the_load(clock: Clock) -> None:
    """It is refused as late, not as overload, and is not counted as a refusal of admission."""
    notes = Notes()
    gate = Admission(notes, max_rows=10, max_queue_seconds=1.0, clock=clock)
    with pytest.raises(DeadlinePassed), gate.admit(1, seconds_left=0.0):
        pass
    assert not notes.reasons
    assert gate.rows == 0
