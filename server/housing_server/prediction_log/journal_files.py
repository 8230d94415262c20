"""Journal files from the reader's side: whole lines only, and readable to the end even when deleted."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"(?P<writer>[\w-]+)\.(?P<began>\d+)\.jsonl")


class JournalFile:
    """One journal file, which its writer may still be appending to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.drained = 0
        """Number of bytes drained, in whole lines."""
        self._held: int | None = None
        self._finished = False

    def hold(self) -> None:
        """Keep the file open until it is removed, so that it can be read to its end even if somebody deletes it."""
        if self._held is None:
            with suppress(FileNotFoundError):
                self._held = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def missing(self) -> bool:
        """Whether the file was deleted before it was opened."""
        return self._held is None and not self.path.exists()

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes not drained yet; 0 when the file is missing."""
        try:
            status = self.path.stat() if self._held is None else os.fstat(self._held)
        except FileNotFoundError:
            return 0
        return max(status.st_size - self.drained, 0)

    def read(self, max_bytes: int) -> list[bytes]:
        """Return whole lines that are not drained yet, with their line ends.

        Args:
            max_bytes: about how much to read; a longer line is read completely nevertheless.
        """
        data = self._read_from(self.drained, max_bytes)
        # One read, cut at its last line end. A partly written line must be read again from its first byte: returning
        # its second half as a line would lose both.
        while data and b"\n" not in data and len(data) == max_bytes:
            max_bytes *= 2
            data = self._read_from(self.drained, max_bytes)
        return [line + b"\n" for line in data.split(b"\n")[:-1]]

    def rest(self) -> bytes:
        """Return all bytes that are not drained yet, whole lines or not."""
        return self._read_from(self.drained, self.waiting_bytes)

    def finished(self) -> bool:
        """Return whether the writer has closed the file, or has ended."""
        if not self._finished:
            self._finished = self._unlocked()
        return self._finished

    def remove(self) -> None:
        """Delete the file, which must be drained."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _read_from(self, offset: int, max_bytes: int) -> bytes:
        try:
            with self._opened() as file:
                return os.pread(file, max_bytes, offset)
        except FileNotFoundError:
            return b""

    def _unlocked(self) -> bool:
        try:
            with self._opened() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        return True

    @contextmanager
    def _opened(self) -> Iterator[int]:
        if self._held is not None:
            yield self._held
            return
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield file
        finally:
            os.close(file)


def journal_files(folder: Path) -> list[Path]:
    """Return the journal files in a folder, the oldest first; none when there is no folder.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    found = [match for name in names if (match := _NAME.fullmatch(name))]
    return [folder / match[0] for match in sorted(found, key=lambda each: int(each["began"]))]
