"""The folder in which people drop files: which of them are complete, and taking them in."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from housing_retraining.data_versions.row_table import RowTable
from housing_retraining.errors import FileRefused
from housing_retraining.intake.reading import read_pieces
from housing_retraining.intake.report import ENDING, FileReport
from housing_retraining.intake.sifting import Limits, Sifted, sift

_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")
"""How programs name a file that they have not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where files are and go."""

    incoming: Path
    """Where they are dropped."""
    accepted: Path
    """Where they go when rows were taken."""
    rejected: Path
    """Where they go when not."""

    def make(self) -> None:
        """Make those that are missing."""
        for folder in (self.incoming, self.accepted, self.rejected):
            folder.mkdir(parents=True, exist_ok=True)


class Incoming:
    """Files as they come."""

    def __init__(
        self,
        folders: Folders,
        limits: Limits,
        *,
        settle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at nothing yet.

        Args:
            folders: where files are and go.
            limits: what a file may be like.
            settle_seconds: how long a file must have stayed the same.
            clock: the time, in seconds from any moment.
        """
        self._folders, self._limits = folders, limits
        self._settle_seconds, self._clock = settle_seconds, clock
        self._seen: dict[Path, tuple[tuple[int, int], float]] = {}

    def complete(self) -> list[Path]:
        """Return the files that have stayed the same for long enough, by name; look again later for others."""
        now, there = self._clock(), dict[Path, tuple[int, int]]()
        for path in self._folders.incoming.iterdir():
            with suppress(OSError):  # one that was taken away meanwhile
                status = path.lstat()
                if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in _UNFINISHED:
                    there[path] = (status.st_size, status.st_mtime_ns)
        self._seen = {
            path: self._seen[path] if path in self._seen and self._seen[path][0] == state else (state, now)
            for path, state in there.items()
        }
        return sorted(path for path, (_, since) in self._seen.items() if now - since >= self._settle_seconds)

    def waits(self) -> bool:
        """Return whether a file was there at the last look that had changed too lately."""
        return bool(self._seen)

    def take(self, path: Path, table: RowTable) -> FileReport:
        """Take a file's good rows into the table, or reject it; move it, and write the report beside it.

        Raises:
            OSError: it cannot be moved; it stays, and taking it again adds nothing.
        """
        sifted, reason, size = Sifted(), "", path.lstat().st_size
        try:
            with table.arriving(path.name) as arrivals:
                sift(read_pieces(path), arrivals, self._limits, sifted)
        except FileRefused as error:
            reason = str(error)
        report = FileReport(
            file=path.name,
            result="rejected" if reason else "accepted",
            reason=reason,
            size_bytes=size,
            rows=sifted.rows,
            new_rows=0 if reason else sifted.new,
            known_rows=sifted.known,
            contradicting_rows=sifted.contradicting,
            bad_rows=sifted.bad,
            flaws=tuple(sifted.flaws),
        )
        self._put_away(path, report)
        return report

    def _put_away(self, path: Path, report: FileReport) -> None:
        folder = self._folders.rejected if report.reason else self._folders.accepted
        place = _free_place(folder, path.name)
        report.write(place.with_name(place.name + ENDING))
        shutil.move(path, place)
        self._seen.pop(path, None)


def _free_place(folder: Path, name: str) -> Path:
    """Return a path that nothing is at: names are used again, and nothing may be lost."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    numbers = ("", *(f"-{number}" for number in range(1, 10_000)))
    return next(place for each in numbers if not (place := folder / f"{stamp}{each}-{name}").exists())
