"""The strict log: answers are in the store before they are returned; while the store is down they are refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from housing_server.core.answers import Answers
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.journal_lines import decode_line, encode_line
from housing_server.prediction_log.retry_pause import RetryPause

if TYPE_CHECKING:
    from housing_server.prediction_log.store import PredictionStore

_PATIENCE_SECONDS = 3.0
"""Time limit of a transaction, after which its answers are refused. Most take milliseconds."""
_STALLED_SECONDS = 1.0
"""Age of a pending transaction beyond which further answers are refused at once."""
_THREADS = 4
"""Concurrent transactions: a shared run, two batches, and a probe."""
_PROBE_SECONDS = 5.0
"""Interval of probes while nothing is written."""


class StrictLog:
    """Writes answers to the store before they are returned.

    Transactions run on threads of the log, so that a store that hangs blocks no caller for longer than a few seconds.
    An abandoned transaction may still be committed: then a prediction is on record that no caller has received.
    """

    inline = False

    def __init__(
        self,
        open_store: Callable[[], PredictionStore],
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a log; nothing is opened yet.

        Args:
            open_store: opens the store and creates missing tables; called again after each failure.
            patience_seconds: time limit of a transaction, after which its answers are refused.
            clock: returns seconds.
        """
        self._open_store = open_store
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._store: PredictionStore | None = None
        self._opening = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="strict-log")
        self._under_way: dict[Future[None], float] = {}
        self._pause = RetryPause(clock)
        self._probe_at = 0.0

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the log of the store at a URL."""

        def open_store() -> PredictionStore:
            # Imported here: SQLAlchemy takes 20 MB of memory, which only strict workers need.
            from housing_server.prediction_log.store import PredictionStore  # noqa: PLC0415

            return PredictionStore.open(url)

        return cls(open_store)

    def open(self) -> Self:
        """Open the store now, if it is up, so that the first caller need not wait for it."""
        with suppress(PredictionLogUnavailable):
            self.probe()
        return self

    def check(self) -> None:
        """Return at once if a write is likely to succeed.

        Raises:
            PredictionLogUnavailable: the store does not respond, or the last write failed, less than a second ago.
        """
        now = self._clock()
        oldest = min(list(self._under_way.values()), default=now)
        if now - oldest > _STALLED_SECONDS:
            raise PredictionLogUnavailable(f"the store has not responded for {now - oldest:.0f} s")
        self._pause.check()

    def probe(self) -> None:
        """Check that the store is writable, unless a write has succeeded in the last seconds.

        Raises:
            PredictionLogUnavailable: it is not.
        """
        self.check()
        if self._pause.failed or self._clock() >= self._probe_at:
            self._perform(lambda store: store.probe())

    def append(self, answers: Answers) -> None:
        """Record answers.

        Raises:
            PredictionLogUnavailable: the store is not available.
        """
        self.check()
        records = list(decode_line(encode_line(answers)))
        self._perform(lambda store: store.add(records))

    def _perform(self, use: Callable[[PredictionStore], object]) -> None:
        """Use the store, within the time limit."""
        transaction = self._threads.submit(self._attempt, use)
        self._under_way[transaction] = self._clock()
        transaction.add_done_callback(lambda done: self._under_way.pop(done, None))
        try:
            transaction.result(self._patience_seconds)
        except PredictionLogUnavailable as error:
            raise self._pause.begin(error.reason) from error
        except TimeoutError as error:
            problem = f"the store has not responded for {self._patience_seconds:g} s"
            raise self._pause.begin(problem) from error
        self._pause.end()
        self._probe_at = self._clock() + _PROBE_SECONDS

    def _attempt(self, use: Callable[[PredictionStore], object]) -> None:
        store = self._opened()
        try:
            use(store)
        except PredictionLogUnavailable:
            self._close(store)
            raise

    def _opened(self) -> PredictionStore:
        with self._opening:
            if self._store is None:
                self._store = self._open_store()
            return self._store

    def _close(self, store: PredictionStore) -> None:
        """Close the store, so that it is opened, and missing tables are created, the next time."""
        with self._opening:
            if self._store is store:
                self._store = None
        store.close()
