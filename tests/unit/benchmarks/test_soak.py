"""The soak: its calls, what is made of its samples, and its report."""

import io
import threading
import urllib.error
from email.message import Message
from pathlib import Path

import grpc
import pytest

from housing_benchmarks.soak.mixed_load import Kind, MixedLoad
from housing_benchmarks.soak.report import draw, render
from housing_benchmarks.soak.run import CallsMade, Soak
from housing_benchmarks.soak.trends import Sample, trends

SECONDS = 120.0
MEBI = 2**20


class Refusal(grpc.RpcError):
    """What a client sees of a call that was not admitted."""

    def code(self) -> grpc.StatusCode:
        """The status."""
        return grpc.StatusCode.RESOURCE_EXHAUSTED


def kind(*outcomes: Exception | None, done: threading.Event) -> Kind:
    """A kind of call that ends in turn as told, and then well."""
    waiting = list(outcomes)

    def call() -> None:
        if not waiting:
            done.set()
        elif (outcome := waiting.pop(0)) is not None:
            raise outcome

    return Kind(name="`Predict`", calls_per_second=10_000, rows=1, call=call)


def test_calls_are_counted_by_what_came_of_them() -> None:
    """A failure of one call is no reason not to make the next, whatever it was."""
    done = threading.Event()
    not_found = urllib.error.HTTPError("/", 404, "", Message(), io.BytesIO())
    with MixedLoad([kind(None, Refusal(), not_found, TimeoutError(), done=done)]) as load:
        assert done.wait(30)
    (calls,) = load.calls
    assert calls.failures == {"RESOURCE_EXHAUSTED": 1, "404": 1, "TimeoutError": 1}
    assert calls.answered >= 2
    assert not calls.is_alive()


def samples(process: str, growth: float = 0.0, first: float = 100.0) -> list[Sample]:
    """What a process that grows by so many MiB a minute holds every two seconds; it begins with 50 MiB more."""
    times = range(0, int(SECONDS), 2)
    return [
        Sample(
            seconds=time,
            process=process,
            rss_bytes=int((first + growth * time / 60 + (50 if time < 20 else 0)) * MEBI),
            open_files=20 + time // 60,
        )
        for time in times
    ]


def test_trend_begins_after_the_warm_up() -> None:
    """What is held only at first is in the peak alone."""
    (trend,) = trends(samples("worker-0", growth=3.0), SECONDS)
    assert trend.rss.per_minute / MEBI == pytest.approx(3.0, abs=0.01)
    assert (trend.rss.begins / MEBI, trend.rss.ends / MEBI) == pytest.approx((101.5, 105.9), abs=0.01)
    assert trend.peak_rss_bytes / MEBI == pytest.approx(150.9, abs=0.01)
    assert trend.files.per_minute > 0


def test_process_that_was_not_there_in_the_end_has_no_trend() -> None:
    """One that ended during the warm-up does not fail the report."""
    gone = [each for each in samples("worker-0") if each.seconds < 20]
    assert [trend.process for trend in trends([*gone, *samples("worker-1")], SECONDS)] == ["worker-1"]


def soak(*made: Sample, refused: int = 0, failures: int = 0) -> Soak:
    """A soak of two minutes."""
    calls = CallsMade(
        name="`Predict`", rows=1, answered=12_000, refused=refused, failures={"INTERNAL": failures} if failures else {}
    )
    return Soak(
        date="2026-11-23T00:00:00+00:00",
        commit="0123abc",
        machine={"cores": 2, "processor": "Some Processor"},
        load_average=0.1,
        workers=2,
        seconds=SECONDS,
        first_start_seconds=6.0,
        next_start_seconds=2.0,
        calls=[calls],
        samples=list(made),
    )


def test_report_of_a_good_soak() -> None:
    """Nothing grows, nothing fails, and every process and kind of call has its line."""
    text = render(soak(*samples("supervisor"), *samples("worker-0", growth=0.4)))
    assert "No process grew by 0.5 MiB a minute. No call failed.\n" in text
    assert "| worker-0 | 100 | 101 | 150 | +0.40 |" in text
    assert "| `Predict` | 12,000 | 100 | 0 | 0 |" in text


def test_report_of_a_bad_soak() -> None:
    """What grows is named, and calls that were refused are told from those that failed."""
    text = render(soak(*samples("supervisor"), *samples("worker-0", growth=0.6), refused=3, failures=2))
    assert "**These grew by more than 0.5 MiB a minute**: worker-0. **2 calls failed.** 3 were refused" in text
    assert "| `Predict` | 12,000 | 100 | 3 | INTERNAL: 2 |" in text


def test_plot_is_the_same_for_the_same_soak(tmp_path: Path) -> None:
    """So that it changes in git with its figures alone."""
    made = soak(*samples("supervisor"), *samples("worker-0", growth=1.0))
    for name in ("first", "second"):
        draw(made, tmp_path / name)
    first, second = ((tmp_path / name / "soak.svg").read_text("utf-8") for name in ("first", "second"))
    assert first == second
