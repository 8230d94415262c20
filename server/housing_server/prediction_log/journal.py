"""The journal: files to which workers append answers before they give them, and from which the recorder takes them.

A write that has returned outlives the process that made it, whatever kills it, and needs no lock, no other process and
no store that is up: that makes it a log that can be awaited for every call. Each worker has files of its own; a file
is taken for finished once it is full, or its writer, who holds it locked, is gone.
"""

import fcntl
import os
import re
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
"""A file that has grown so big is followed by another: about 15,000 predictions."""

_NAME = re.compile(r"(?P<writer>[\w-]+)\.(?P<began>\d+)\.jsonl")


class Journal:
    """One writer's journal.

    From `open` on there is always a file that the writer holds locked, so that readers know of it even before it has
    written anything, and between two files.
    """

    inline = True

    def __init__(
        self,
        folder: Path,
        writer: str,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """Prepare to write.

        Args:
            folder: where journals are; is made when missing.
            writer: name of the writer, which no other has at the same time.
            max_file_bytes: size from which on a new file is begun.
            now: the time in nanoseconds; tells the files of a writer apart.
        """
        self._folder = folder
        self._writer = writer
        self._max_file_bytes = max_file_bytes
        self._now = now
        self._file: int | None = None
        self._size = 0
        self._lock = threading.Lock()

    def open(self) -> Self:
        """Begin the first file.

        Raises:
            PredictionLogUnavailable: the disk does not take it.
        """
        with self._lock, _disk_errors():
            self._follow()
        return self

    def append(self, answers: Answers) -> None:
        """Put answers on record.

        Raises:
            PredictionLogUnavailable: the disk does not take them.
        """
        line = encode_line(answers)
        with self._lock, _disk_errors():
            file = self._file
            if file is None or self._size >= self._max_file_bytes:
                file = self._follow()
            try:
                self._write(file, line)
            except OSError:
                self.close()  # what was written in part stays the last of its file, where it is known for what it is
                raise

    def close(self) -> None:
        """Finish the file; the next answers begin another."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, file: int, line: bytes) -> None:
        written = os.write(file, line)
        while written < len(line):  # a disk that is nearly full takes a part
            written += os.write(file, line[written:])
        self._size += written

    def _follow(self) -> int:
        """Begin another file, before the last one is closed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._writer}.{self._now()}.jsonl"
        scratch = path.with_suffix(".new")
        file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        scratch.rename(path)  # under its name it is locked from the start, or a reader would take it for finished
        self.close()
        self._file, self._size = file, 0
        return file


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PredictionLogUnavailable(f"the journal cannot be written: {error.strerror}") from error


class JournalFile:
    """One file of a journal, as its reader sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """Where it is."""
        self.taken = 0
        """How many of its bytes, whole lines, have been taken."""

    @property
    def waiting_bytes(self) -> int:
        """How many bytes have not been taken; 0 when the file is gone."""
        try:
            return self.path.stat().st_size - self.taken
        except FileNotFoundError:
            return 0

    def read(self, max_bytes: int) -> list[bytes]:
        """Read whole lines that have not been taken, about so many bytes of them but one line at least."""
        with self.path.open("rb") as file:
            file.seek(self.taken)
            return [line for line in file.readlines(max_bytes) if line.endswith(b"\n")]

    def finished(self) -> bool:
        """Tell whether its writer has closed it, or is gone."""
        try:
            file = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(file)
        return True

    def remove(self) -> None:
        """Delete the file, of which all has been taken."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def journal_files(folder: Path) -> Iterator[Path]:
    """Find the files of all journals, the oldest first."""
    found = ((match, path) for path in folder.glob("*.jsonl") if (match := _NAME.fullmatch(path.name)))
    for _, path in sorted(found, key=lambda each: int(each[0]["began"])):
        yield path
