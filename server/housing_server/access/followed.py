"""A file that is read again when it has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from housing_server.core.calls import CallLog
from housing_server.errors import InvalidKeys

_Content = TypeVar("_Content")


class _Version(NamedTuple):
    """What differs between two versions of a file."""

    changed: int
    inode: int
    size: int


class Followed(Generic[_Content]):
    """The content of a file, as it was when last looked at."""

    def __init__(self, path: Path, read: Callable[[Path], _Content], empty: _Content, log: CallLog) -> None:
        """Set the file; it is read at the first look.

        Args:
            path: the file.
            read: reads it, also where there is none.
            empty: its content before it is read.
            log: logs that it cannot be read.
        """
        self._path = path
        self._read = read
        self._log = log
        self._version: _Version | None = None
        self.content = empty
        """What it holds. If it cannot be read, what it held before: that must lock nobody out."""

    def look(self) -> None:
        """Read the file if it has changed."""
        version = self._look()
        if version == self._version and version is not None:
            return
        self._version = version
        try:
            self.content = self._read(self._path)
        except InvalidKeys as error:
            self._version = None
            self._log.error("a file of credentials cannot be read; what it held before is valid", reason=str(error))

    def _look(self) -> _Version | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return _Version(found.st_mtime_ns, found.st_ino, found.st_size)
