"""From the journals to the store: what workers have written is taken over in large transactions."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.journal import JournalFile, journal_files
from housing_server.prediction_log.journal_lines import DamagedLine, decode_line
from housing_server.prediction_log.store import PredictionStore

_BYTES_AT_ONCE = 1 << 20
"""Journal read for one transaction: about 4,000 predictions, 100 ms of SQLite's time."""
_USUAL_ROW_BYTES = 300.0
DAMAGED_FILE = "damaged.lines"
"""Where lines go that no store takes."""


class DrainObserver(Protocol):
    """Who is told of what is taken over."""

    def committed(self, rows: int, seconds: float) -> None:
        """Note a transaction that put so many new rows on record."""

    def failed(self, stage: str) -> None:
        """Note that the `store` did not take rows, or that a line of a `journal` is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits in the journals."""

    rows: int
    """Predictions, estimated from their usual size."""
    size_bytes: int
    """Bytes."""


class Drainer:
    """Takes lines from the journals to the store; safe to use from several threads."""

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
            open_store: opens the store; is tried again for as long as it fails.
            observer: is told of transactions and failures.
            log: is told of what is damaged.
            clock: tells seconds.
        """
        self._folder = folder
        self._open_store = open_store
        self._observer = observer
        self._log = log
        self._clock = clock
        self._files: dict[Path, JournalFile] = {}
        self._store: PredictionStore | None = None
        self._row_bytes = _USUAL_ROW_BYTES
        # Two at once would each count the same lines as taken. It takes a lock of threads: one that drains goes on
        # when whoever awaits it is cancelled.
        self._lock = threading.Lock()

    def drain(self) -> None:
        """Take over all that waits.

        Raises:
            PredictionLogUnavailable: the store does not take it; it stays where it is.
        """
        with self._lock:
            self._drain()

    def probe(self) -> None:
        """See whether the store can be written to.

        Raises:
            PredictionLogUnavailable: it cannot.
        """
        self._opened().probe()

    def backlog(self) -> Backlog:
        """Measure what waits."""
        known = {path: file.taken for path, file in self._files.items()}
        size = sum(_size(path) - known.get(path, 0) for path in journal_files(self._folder))
        return Backlog(rows=round(size / self._row_bytes), size_bytes=size)

    def _drain(self) -> None:
        for path in journal_files(self._folder):
            self._files.setdefault(path, JournalFile(path))
        # Who is gone writes no more: whatever is left in such a file after it has been read to its end is damage.
        finished = [file for file in self._files.values() if file.finished()]
        while waiting := self._read():
            self._take([line for lines in waiting.values() for line in lines])
            for file, lines in waiting.items():
                file.taken += sum(map(len, lines))
        for file in finished:
            self._dismiss(file)

    def _opened(self) -> PredictionStore:
        if self._store is None:
            self._store = self._open_store()
        return self._store

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

    def _add(self, lines: Iterable[bytes]) -> None:
        records = [record for line in lines for record in decode_line(line)]
        started = self._clock()
        try:
            rows = self._opened().add(records)
        except PredictionLogUnavailable:
            self._observer.failed("store")
            raise
        self._observer.committed(rows, self._clock() - started)
        self._row_bytes = sum(map(len, lines)) / len(records)

    def _set_aside(self, lines: Iterable[bytes], *, reason: str) -> None:
        with (self._folder / DAMAGED_FILE).open("ab") as file:
            file.writelines(lines)
        self._observer.failed("journal")
        self._log.error("a line of the journal cannot be put on record", kept_in=DAMAGED_FILE, reason=reason)

    def _dismiss(self, file: JournalFile) -> None:
        if file.waiting_bytes:
            rest = file.path.read_bytes()[file.taken :]
            self._set_aside([rest + b"\n"], reason="it was cut off")
        file.remove()
        del self._files[file.path]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
