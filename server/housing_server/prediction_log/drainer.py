"""From the journals to the store: what workers have written is taken over in large transactions."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from housing_server.errors import PredictionLogUnavailable, QueryTooSlow
from housing_server.prediction_log.journal import PRIVATE_FILE
from housing_server.prediction_log.journal_files import JournalFile, journal_files
from housing_server.prediction_log.journal_lines import DamagedLine, decode_line
from housing_server.prediction_log.records import Record
from housing_server.prediction_log.store import AnswersMissing, PredictionStore
from housing_server.prediction_log.tables import Position

_BYTES_AT_ONCE = 1 << 20
"""Journal read for one transaction: about 4,000 predictions, 100 ms of SQLite's time."""
_USUAL_ROW_BYTES = 300.0
_MAX_HELD_FILES = 256
"""Files that are kept open; far more than are written to, far fewer than a process may have open."""
_ATTEMPTS = 3
"""A store that was replaced fails, is opened again, and is found to miss answers; then it gets them."""
DAMAGED_FILE = "damaged.lines"
"""Where lines go that no store takes."""


class DrainObserver(Protocol):
    """What counts transactions and failures."""

    def committed(self, rows: int, seconds: float) -> None:
        """Count a transaction that put this many new rows on record."""

    def failed(self, stage: str) -> None:
        """Count a write that the `store` did not take, or a part of a `journal` that is lost or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits in the journals."""

    rows: int
    """Predictions, estimated from their usual size."""
    size_bytes: int
    """Bytes."""


class Drainer:
    """Takes lines from the journals to the store; safe to use from several threads.

    A journal is deleted only once a store that is opened anew holds its lines. The one that was written to may be
    another by then: a SQLite file that was deleted, moved or replaced goes on taking rows that nobody will find.
    """

    def __init__(
        self,
        folder: Path,
        open_store: Callable[[], PredictionStore],
        observer: DrainObserver,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        """Prepare to drain.

        Args:
            folder: where the journals are.
            open_store: opens the store and makes its tables where they are missing; is called again after each failure.
            observer: counts transactions and failures.
            log: gets a line for all that is damaged or lost.
            clock: seconds.
        """
        self._folder = folder
        self._open_store = open_store
        self._observer = observer
        self._log = log
        self._clock = clock
        self._files: dict[Path, JournalFile] = {}
        self._store: PredictionStore | None = None
        self._last: Position | None = None
        self._asked_at: float | None = None
        self._row_bytes = _USUAL_ROW_BYTES
        # Two at once would each count the same lines as taken. It takes a lock of threads: one that drains goes on
        # when whoever awaits it is cancelled.
        self._lock = threading.Lock()

    def drain(self) -> None:
        """Take over all that waits.

        Raises:
            PredictionLogUnavailable: the store does not take it, or a journal cannot be read; it stays where it is.
        """
        with self._lock:
            self._reopening(self._drain)

    def probe(self) -> None:
        """Check that the store can be written to, and holds what it has taken.

        Raises:
            PredictionLogUnavailable: it cannot, or does not.
        """
        with self._lock:
            self._reopening(self._probe)

    def backlog(self) -> Backlog:
        """Measure what waits, as far as the folder can be read."""
        files = {file.path: file for file in list(self._files.values())}
        with suppress(OSError):  # `drain` raises it
            files = {path: JournalFile(path) for path in journal_files(self._folder)} | files
        size = sum(file.waiting_bytes for file in files.values())
        return Backlog(rows=round(size / self._row_bytes), size_bytes=size)

    def unanswered_seconds(self) -> float:
        """Return for how long the store has not answered what it was asked last; 0 when it has. Never waits."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else self._clock() - asked_at

    def has_journals(self) -> bool:
        """Return whether a writer is at work, or has left anything to take over."""
        return bool(self._files or journal_files(self._folder))

    def _reopening(self, attempt: Callable[[], None]) -> None:
        """Try until it succeeds, or the store cannot be opened: one that was open may be another by now."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                with self._failures():
                    return attempt()
            except PredictionLogUnavailable:
                if not (self._give_up_store() and left):
                    raise
        return None

    def _give_up_store(self) -> bool:
        """Have the store opened, and its tables made where necessary, the next time; return whether it was open."""
        store, self._store = self._store, None
        if store is not None:
            store.close()
        return store is not None

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except QueryTooSlow as error:
            raise PredictionLogUnavailable(str(error)) from error
        except OSError as error:
            raise PredictionLogUnavailable(f"the journals cannot be read: {error.strerror}: {self._folder}") from error

    def _probe(self) -> None:
        store = self._opened()
        with self._asking():
            store.probe()
        self._verify()

    def _drain(self) -> None:
        self._discover()
        # A writer that has ended writes no more: whatever its file still holds after it was read to its end is damage.
        finished = [file for file in self._files.values() if file.finished()]
        while waiting := self._read():
            self._take([line for lines in waiting.values() for line in lines])
            for file, lines in waiting.items():
                file.taken += sum(map(len, lines))
        if finished:
            self._verify()
        for file in finished:
            self._dismiss(file)

    def _discover(self) -> None:
        for path in journal_files(self._folder):
            file = self._files.setdefault(path, JournalFile(path))
            if len(self._files) <= _MAX_HELD_FILES:
                file.hold()

    def _opened(self) -> PredictionStore:
        if self._store is None:
            with self._asking():
                self._store = self._open_store()
            self._verify()
        return self._store

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._asked_at = self._clock()
        try:
            yield
        finally:
            self._asked_at = None

    def _verify(self) -> None:
        """Check that whoever opens the store now finds what was put on record last.

        Commits come one after the other, so that a store that holds the last one holds those before it.
        """
        if self._last is None:
            return
        store = self._opened()
        with self._asking():
            held = store.holds(self._last)
        if not held:
            self._start_again()

    def _start_again(self) -> NoReturn:
        """Take over again whatever is left in the journals: the store has lost what it took."""
        self._last = None
        for file in self._files.values():
            file.taken = 0
        reason = "the store no longer holds what it took: it was deleted, replaced or restored from an older copy"
        self._observer.failed("store")
        self._log.error("answers are missing in the store; what the journals hold is taken over again", reason=reason)
        raise PredictionLogUnavailable(reason)

    def _read(self) -> dict[JournalFile, list[bytes]]:
        """Read about as much as one transaction should hold."""
        found: dict[JournalFile, list[bytes]] = {}
        left = _BYTES_AT_ONCE
        for file in self._files.values():
            if left > 0 and (lines := file.read(left)):
                found[file] = lines
                left -= sum(map(len, lines))
        return found

    def _take(self, lines: list[bytes]) -> None:
        """Put what lines stand for on record; those that cannot be are set aside, so that they hold nothing up."""
        try:
            self._add(lines)
        except (DamagedLine, DataError, IntegrityError) as error:
            if len(lines) == 1:
                self._set_aside(lines, reason=str(error).partition("\n")[0])
                return
            for line in lines:
                self._take([line])

    def _add(self, lines: Sequence[bytes]) -> None:
        records = [record for line in lines for record in decode_line(line)]
        started = self._clock()
        try:
            store = self._opened()
            with self._asking():
                rows = store.add(records, after=self._last)
        except AnswersMissing:
            self._start_again()
        except PredictionLogUnavailable:
            self._observer.failed("store")
            raise
        self._observer.committed(rows, self._clock() - started)
        self._row_bytes = sum(map(len, lines)) / len(records)
        self._last = _position(records[-1])

    def _set_aside(self, lines: Iterable[bytes], *, reason: str) -> None:
        with open(self._folder / DAMAGED_FILE, "ab", opener=_private) as file:
            file.writelines(lines)
        self._observer.failed("journal")
        self._log.error("a line of the journal cannot be put on record", kept_in=DAMAGED_FILE, reason=reason)

    def _dismiss(self, file: JournalFile) -> None:
        """Delete a file that has been taken over; what its writer left in part at its end is kept elsewhere."""
        rest = file.rest()
        if b"\n" in rest:
            return
        if rest:
            self._set_aside([rest + b"\n"], reason="it was cut off")
        if file.gone:
            self._observer.failed("journal")
            self._log.error("a journal was deleted before all of it was taken over", path=str(file.path))
        file.remove()
        del self._files[file.path]


def _position(record: Record) -> Position:
    prediction_id, predicted_at_us, *_ = record
    return Position(predicted_at_us, prediction_id)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)
