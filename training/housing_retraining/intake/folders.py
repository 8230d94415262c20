"""The folders of dropped files, and which files in the first are complete."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")
"""Endings of files that programs have not finished writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The folders of dropped files."""

    incoming: Path
    """Where they are dropped."""
    accepted: Path
    """Where accepted files go."""
    rejected: Path
    """Where rejected files go."""

    def make(self) -> None:
        """Create those that are missing."""
        for folder in (self.incoming, self.accepted, self.rejected):
            folder.mkdir(parents=True, exist_ok=True)


class IncomingFolder:
    """Dropped files: one that is still being written changes between two looks."""

    def __init__(self, folder: Path, *, settle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Create it; nothing is read yet.

        Args:
            folder: where files are dropped.
            settle_seconds: how long size and modification time of a file must have been constant.
            clock: the time, in seconds from any moment.
        """
        self._folder, self._settle_seconds, self._clock = folder, settle_seconds, clock
        self._seen: dict[Path, tuple[tuple[int, int], float]] = {}

    def complete(self) -> list[Path]:
        """Return the files that have been constant for long enough, by name; others may be later."""
        now = self._clock()
        self._seen = {path: (state, self._since(path, state, now)) for path, state in self._files().items()}
        return sorted(path for path, (_, since) in self._seen.items() if now - since >= self._settle_seconds)

    def _since(self, path: Path, state: tuple[int, int], now: float) -> float:
        before, since = self._seen.get(path, (None, now))
        return since if before == state else now

    def _files(self) -> dict[Path, tuple[int, int]]:
        """Return size and time of each file; hidden files and unfinished ones are skipped."""
        found = {}
        for path in self._folder.iterdir():
            with suppress(OSError):  # removed meanwhile
                status = path.stat()
                if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _UNFINISHED:
                    found[path] = (status.st_size, status.st_mtime_ns)
        return found
