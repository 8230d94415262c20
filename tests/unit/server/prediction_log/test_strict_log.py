"""The strict log: what the store does not take within seconds is refused, with the reason."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.retry_pause import RETRY_SECONDS
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.strict_log import StrictLog
from running import PATIENCE, wait_for
from serving_fakes import answered


class Bench:
    """A strict log on a SQLite file, with a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "predictions.db"
        self.seconds = 0.0
        self.down = False
        self.log = StrictLog(self.open, patience_seconds=PATIENCE, clock=lambda: self.seconds)

    def open(self) -> PredictionStore:
        """Open the store, unless it is down."""
        if self.down:
            raise PredictionLogUnavailable("it is down")
        return PredictionStore.open(f"sqlite:///{self.path}")

    def rows(self) -> int:
        """Count the predictions that are in the store."""
        store = self.open()
        try:
            return store.size().rows
        finally:
            store.close()

    def reason(self) -> str:
        """Append an answer that is refused, and return why."""
        with pytest.raises(PredictionLogUnavailable) as refusal:
            self.log.append(answered("id-refused"))
        return refusal.value.reason

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store locked, as another program might."""
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A log whose store is open."""
    ready = Bench(tmp_path)
    ready.open().close()
    ready.log.append(answered("id-1"))
    return ready


def test_answer_is_in_the_store_when_the_append_returns(bench: Bench) -> None:
    """At once, and not soon."""
    bench.log.append(answered("id-2", "id-3"))
    assert bench.rows() == 3


def test_locked_store_refuses_answers_and_takes_them_again_once_it_is_free(bench: Bench) -> None:
    """After a moment the log refuses them before they are computed, and says for how long it has waited."""
    log = StrictLog(bench.open, patience_seconds=0.01, clock=lambda: bench.seconds)
    with bench.locked():
        with pytest.raises(PredictionLogUnavailable, match="not available"):
            log.append(answered("id-2"))
        bench.seconds += 7
        with pytest.raises(PredictionLogUnavailable) as refusal:
            log.check()
        assert refusal.value.reason == "the store has not responded for 7 s"
    wait_for(lambda: True if passes(log) else None, "calls to be let pass")
    assert bench.rows() == 2


def passes(log: StrictLog) -> bool:
    """Return whether the log lets calls pass."""
    try:
        log.check()
    except PredictionLogUnavailable:
        return False
    return True


def test_store_that_was_deleted_is_made_again(bench: Bench) -> None:
    """One answer is refused for it, and what follows is in the file that others open."""
    bench.path.unlink()
    assert "no such table" in bench.reason()
    bench.seconds += RETRY_SECONDS
    bench.log.append(answered("id-2"))
    assert bench.rows() == 1


def test_store_that_is_down_is_tried_once_a_second(tmp_path: Path) -> None:
    """The log opens all the same, and refuses at once in between."""
    bench = Bench(tmp_path)
    bench.down = True
    bench.log.open()
    bench.down = False
    assert bench.reason() == "it is down"
    bench.seconds += RETRY_SECONDS
    bench.log.probe()
    bench.log.check()


def test_answers_of_several_threads_are_taken_side_by_side(bench: Bench) -> None:
    """None is lost, none refused."""
    patient = StrictLog(bench.open)
    threads = [threading.Thread(target=patient.append, args=[answered(f"id-{number}-1")]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.rows() == 9
