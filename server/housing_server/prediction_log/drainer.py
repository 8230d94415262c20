"""Drains the journals into the store, in large transactions."""

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
"""Bytes of journals per transaction: about 4,000 predictions, 100 ms of SQLite's time."""
_USUAL_ROW_BYTES = 300.0
_MAX_HELD_FILES = 256
"""The most files kept open: far more than are written to, far fewer than a process may have open."""
_ATTEMPTS = 3
"""A store that was replaced fails first, is then found to miss answers when opened again, and takes them at last."""
DAMAGED_FILE = "damaged.lines"
"""File for lines that cannot be stored."""


class DrainObserver(Protocol):
    """Counts transactions and failures."""

    def committed(self, rows: int, seconds: float) -> None:
        """Count a transaction that wrote this many new rows."""

    def failed(self, stage: str) -> None:
        """Count a failed write to the `store`, or a lost or damaged part of a `journal`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The contents of the journals that are not in the store yet."""

    rows: int
    """Predictions, estimated from their average size."""
    size_bytes: int


class Drainer:
    """Moves lines from the journals to the store; safe to use from several threads.

    A journal is deleted only after the store, opened again, was found to hold its lines: a SQLite file that was
    deleted, moved or replaced continues to accept rows on its old connections.
    """

    def __init__(
        self,
        folder: Path,
        open_store: Callable[[], PredictionStore],
        observer: DrainObserver,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        """Create a drainer.

        Args:
            folder: folder of the journals.
            open_store: opens the store and creates missing tables; called again after each failure.
            observer: counts transactions and failures.
            log: logs damage and losses.
            clock: returns seconds.
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
        # Two drains at once would each count the same lines. It is a lock of threads because a drain goes on when the
        # task that awaits it is cancelled.
        self._lock = threading.Lock()

    def drain(self) -> None:
        """Write all journal lines to the store.

        Raises:
            PredictionLogUnavailable: the store or a journal is not available; the lines remain in the journals.
        """
        with self._lock:
            self._reopening(self._drain)

    def probe(self) -> None:
        """Check that the store is writable and holds what was written to it.

        Raises:
            PredictionLogUnavailable: it is not, or does not.
        """
        with self._lock:
            self._reopening(self._probe)

    def backlog(self) -> Backlog:
        """Measure the backlog, as far as the folder can be read."""
        files = {file.path: file for file in list(self._files.values())}
        with suppress(OSError):  # raised by `drain`
            files = {path: JournalFile(path) for path in journal_files(self._folder)} | files
        size = sum(file.waiting_bytes for file in files.values())
        return Backlog(rows=round(size / self._row_bytes), size_bytes=size)

    def unanswered_seconds(self) -> float:
        """Return how long the last request to the store has been pending; 0 when none is. Never blocks."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else self._clock() - asked_at

    def has_journals(self) -> bool:
        """Return whether there are journals: a writer is running, or has left lines to drain."""
        return bool(self._files or journal_files(self._folder))

    def _reopening(self, attempt: Callable[[], None]) -> None:
        """Call `attempt` until it succeeds or the store cannot be opened: an open one may have been replaced."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                with self._failures():
                    return attempt()
            except PredictionLogUnavailable:
                if not (self._close_store() and left):
                    raise
        return None

    def _close_store(self) -> bool:
        """Close the store, to be opened again with missing tables created; return whether it was open."""
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
        # A writer that has ended writes no more: what remains after its file was read to the end is damaged.
        finished = [file for file in self._files.values() if file.finished()]
        while waiting := self._read():
            self._store_lines([line for lines in waiting.values() for line in lines])
            for file, lines in waiting.items():
                file.drained += sum(map(len, lines))
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
        """Check that the store, opened again, holds the record that was written last.

        Commits are sequential, so a store that holds the last record holds those before it.
        """
        if self._last is None:
            return
        store = self._opened()
        with self._asking():
            held = store.holds(self._last)
        if not held:
            self._start_again()

    def _start_again(self) -> NoReturn:
        """Reset the journals to be drained again, since the store has lost what was written to it."""
        self._last = None
        for file in self._files.values():
            file.drained = 0
        reason = (
            "the store no longer holds what was written to it: it was deleted, replaced or restored from an older copy"
        )
        self._observer.failed("store")
        self._log.error("answers are missing from the store; draining the journals again", reason=reason)
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

    def _store_lines(self, lines: list[bytes]) -> None:
        """Write lines to the store; set aside those that cannot be stored, so that they do not block the others."""
        try:
            self._add(lines)
        except (DamagedLine, DataError, IntegrityError) as error:
            if len(lines) == 1:
                self._set_aside(lines, reason=str(error).partition("\n")[0])
                return
            for line in lines:
                self._store_lines([line])

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
        self._log.error("a journal line cannot be stored", kept_in=DAMAGED_FILE, reason=reason)

    def _dismiss(self, file: JournalFile) -> None:
        """Delete a drained file; set aside an incomplete line at its end."""
        rest = file.rest()
        if b"\n" in rest:
            return
        if rest:
            self._set_aside([rest + b"\n"], reason="it is incomplete")
        if file.missing:
            self._observer.failed("journal")
            self._log.error("a journal was deleted before it was drained", path=str(file.path))
        file.remove()
        del self._files[file.path]


def _position(record: Record) -> Position:
    prediction_id, predicted_at_us, *_ = record
    return Position(predicted_at_us, prediction_id)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)
