"""The journal: files to which workers append answers before they return them, drained by the recorder.

A completed write survives the death of its process, and needs no lock, no other process and no store: cheap enough to
be awaited by every call. Each worker has its own files; a file counts as finished once it is full, or once its writer,
which holds a lock on it, has ended.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from housing_server.core.answers import Answers
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.journal_lines import encode_line
from housing_server.prediction_log.retry_pause import RetryPause

MAX_FILE_BYTES = 4 << 20
"""Size at which the next file is started: about 15,000 predictions."""

_RESERVED_BYTES = 1 << 16
"""Space that a disk must provide before a file is started on it; a full one often still accepts an empty file."""

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
"""Predictions on record are readable by their owner only."""


class Journal:
    """The journal of one writer.

    While the disk is writable there is always a file that the writer holds locked, so that readers know of the writer
    even before its first write, and between two files.
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
        """Create a journal.

        Args:
            folder: folder of the journals; created when missing.
            writer: name of the writer, unique among those that run.
            max_file_bytes: size at which the next file is started.
            now: returns the time in nanoseconds, which distinguishes the files of a writer.
            clock: returns seconds, for the pause after a failure.
        """
        self._folder = folder
        self._writer = writer
        self._max_file_bytes = max_file_bytes
        self._now = now
        self._file: _File | None = None
        self._pause = RetryPause(clock)
        self._lock = threading.Lock()

    def open(self) -> Self:
        """Start the first file; if that fails, `check` raises until it succeeds."""
        with suppress(PredictionLogUnavailable):
            self.probe()
        return self

    def check(self) -> None:
        """Return at once if an append is likely to succeed.

        Raises:
            PredictionLogUnavailable: the last write failed, less than a second ago.
        """
        self._pause.check()

    def probe(self) -> None:
        """Check that the disk is writable, and start a new file if the current one was deleted or moved.

        Raises:
            PredictionLogUnavailable: it is not.
        """
        with self._lock:
            self.check()
            try:
                if not self._current().in_place():
                    self._follow()
            except OSError as error:
                raise self._failure(error) from error
            self._pause.end()

    def append(self, answers: Answers) -> None:
        """Record answers.

        Raises:
            PredictionLogUnavailable: they could not be written.
        """
        line = encode_line(answers)
        with self._lock:
            self.check()
            try:
                self._write(line)
            except OSError as error:
                raise self._failure(error) from error
            self._pause.end()

    def close(self) -> None:
        """Close the file; the next answers start another."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: bytes) -> None:
        file = self._current()
        file.write(line)
        if not file.in_place():  # its folder was deleted or moved: no reader would find the line there
            file = self._follow()
            file.write(line)
            if not file.in_place():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _failure(self, error: OSError) -> PredictionLogUnavailable:
        """Close the file, and return the error for callers; for a while every call is refused with it."""
        self.close()
        return self._pause.begin(f"the journal cannot be written: {error.strerror}: {self._folder}")

    def _current(self) -> "_File":
        if self._file is None or self._file.size >= self._max_file_bytes:
            return self._follow()
        return self._file

    def _follow(self) -> "_File":
        """Start the next file, before the current one is closed."""
        self._folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        following = _File.begin(self._folder / f"{self._writer}.{self._now()}.jsonl")
        self.close()
        self._file = following
        return following


class _File:
    """The file that is being written."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.size = 0
        """Number of bytes written, in whole lines."""
        self._path = path
        self._name = str(path)
        self._descriptor = descriptor
        self._identity = _identity(os.fstat(descriptor))

    @classmethod
    def begin(cls, path: Path) -> Self:
        """Create a file on a disk that has room for lines; otherwise leave nothing behind.

        Raises:
            OSError: the disk is full or not writable.
        """
        scratch = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(scratch, flags, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(descriptor, bytes(_RESERVED_BYTES))
            os.ftruncate(descriptor, 0)
            scratch.rename(path)  # locked before it has its name: a reader would take an unlocked file for finished
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                scratch.unlink()
            raise
        return cls(path, descriptor)

    def write(self, line: bytes) -> None:
        """Append a line, completely or not at all.

        Raises:
            OSError: the disk is full or not writable.
        """
        try:
            _write(self._descriptor, line)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)  # a partial line would count as damaged
            raise
        self.size += len(line)

    def in_place(self) -> bool:
        """Return whether a reader finds this file under its name."""
        try:
            return _identity(os.stat(self._name)) == self._identity  # noqa: PTH116 - half the time of Path.stat
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; an empty one is removed."""
        if self.size == 0 and self.in_place():
            with suppress(OSError):
                self._path.unlink()
        os.close(self._descriptor)


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a disk that is nearly full accepts a part
        written += os.write(descriptor, data[written:])


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
