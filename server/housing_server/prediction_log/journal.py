"""The journal: files to which workers append answers before they give them, and from which the recorder takes them.

A write that has returned outlives the process that made it, whatever kills it, and needs no lock, no other process and
no store that is up: that makes it a log that can be awaited for every call. Each worker has files of its own; a file
counts as finished once it is full, or its writer, which holds it locked, has ended.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from housing_server.core.answers import Answers
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.journal_lines import encode_line

MAX_FILE_BYTES = 4 << 20
"""A file that has grown to this size is followed by another: about 15,000 predictions."""

RETRY_SECONDS = 1.0
"""How long a journal that could not be written refuses answers before it tries again: each try costs system calls, and
on a full disk there would be one for every call."""

_RESERVED_BYTES = 1 << 16
"""What a disk must take before a file is begun on it; a full one often still takes an empty file."""

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
"""What is on record is nobody's business but the owner's."""


class Journal:
    """One writer's journal.

    While it can be written there is always a file that the writer holds locked, so that readers know of the writer even
    before it has written anything, and between two files.
    """

    inline = True

    def __init__(
        self,
        folder: Path,
        writer: str,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        now: Callable[[], int] = time.time_ns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to write.

        Args:
            folder: where journals are; is made when missing.
            writer: name of the writer, which no other has at the same time.
            max_file_bytes: size from which on a new file is begun.
            now: the time in nanoseconds, which tells the files of a writer apart.
            clock: seconds, for the pause after a failure.
        """
        self._folder = folder
        self._writer = writer
        self._max_file_bytes = max_file_bytes
        self._now = now
        self._clock = clock
        self._file: _File | None = None
        self._problem: str | None = None
        self._retry_at = 0.0
        self._lock = threading.Lock()

    def open(self) -> Self:
        """Begin the first file; where that fails, `check` raises until it has succeeded."""
        with suppress(PredictionLogUnavailable):
            self.probe()
        return self

    def check(self) -> None:
        """Return at once if answers are likely to be put on record.

        Raises:
            PredictionLogUnavailable: the disk did not take the last ones, less than a second ago.
        """
        if self._problem is not None and self._clock() < self._retry_at:
            raise PredictionLogUnavailable(self._problem)

    def probe(self) -> None:
        """Try whether answers can be put on record, and begin a file in the place of one that was deleted or moved.

        Raises:
            PredictionLogUnavailable: the disk does not take them.
        """
        with self._lock, self._disk_errors():
            file = self._current()
            if not file.in_place():
                self._follow()

    def append(self, answers: Answers) -> None:
        """Put answers on record.

        Raises:
            PredictionLogUnavailable: the disk does not take them.
        """
        line = encode_line(answers)
        with self._lock, self._disk_errors():
            file = self._current()
            file.write(line)
            if not file.in_place():  # its folder was deleted or moved: nobody would look for the line there
                file = self._follow()
                file.write(line)
                if not file.in_place():
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def close(self) -> None:
        """Finish the file; the next answers begin another."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        self.check()
        try:
            yield
        except OSError as error:
            self.close()
            self._problem = f"the journal cannot be written: {error.strerror}: {self._folder}"
            self._retry_at = self._clock() + RETRY_SECONDS
            raise PredictionLogUnavailable(self._problem) from error
        self._problem = None

    def _current(self) -> "_File":
        if self._file is None or self._file.size >= self._max_file_bytes:
            return self._follow()
        return self._file

    def _follow(self) -> "_File":
        """Begin another file, before the last one is closed."""
        self._folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        following = _File.begin(self._folder / f"{self._writer}.{self._now()}.jsonl")
        self.close()
        self._file = following
        return following


class _File:
    """A file that is being written."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.size = 0
        """How many bytes, whole lines, have been written."""
        self._path = path
        self._name = str(path)
        self._descriptor = descriptor
        self._identity = _identity(os.fstat(descriptor))

    @classmethod
    def begin(cls, path: Path) -> Self:
        """Begin a file on a disk that has room for lines; on one that has not, nothing is left behind.

        Raises:
            OSError: the disk does not take it.
        """
        scratch = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(scratch, flags, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(descriptor, bytes(_RESERVED_BYTES))
            os.ftruncate(descriptor, 0)
            scratch.rename(path)  # under its name it is locked from the start, or a reader would take it for finished
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                scratch.unlink()
            raise
        return cls(path, descriptor)

    def write(self, line: bytes) -> None:
        """Append a line, or nothing of it.

        Raises:
            OSError: the disk does not take it.
        """
        try:
            _write(self._descriptor, line)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)  # else its reader takes the part for a damaged line
            raise
        self.size += len(line)

    def in_place(self) -> bool:
        """Return whether it is this file that a reader finds under its name."""
        try:
            return _identity(os.stat(self._name)) == self._identity  # noqa: PTH116 - half the time of Path.stat
        except OSError:
            return False

    def close(self) -> None:
        """Finish it; one that was never written to is removed."""
        if self.size == 0 and self.in_place():
            with suppress(OSError):
                self._path.unlink()
        os.close(self._descriptor)


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a disk that is nearly full takes a part
        written += os.write(descriptor, data[written:])


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
