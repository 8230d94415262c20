"""Reading dropped files into the table: one process at a time, each file completely or not at all."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from housing_retraining.data_versions.row_table import RowTable
from housing_retraining.errors import FileRefused
from housing_retraining.intake.folders import Folders
from housing_retraining.intake.reading import read_pieces
from housing_retraining.intake.report import ENDING, FileReport
from housing_retraining.intake.sifting import Limits, Sifted, sift


class FileTaker:
    """Reads files into the table."""

    def __init__(self, folders: Folders, limits: Limits) -> None:
        self._folders, self._limits = folders, limits

    def take(self, path: Path, table: RowTable) -> FileReport:
        """Add a file's good rows to the table, or reject it; move it, and write the report beside it.

        Raises:
            OSError: it cannot be moved; it stays, and reading it again adds no rows.
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


def _free_place(folder: Path, name: str) -> Path:
    """Return an unused path: names repeat, and no file may be overwritten."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    numbers = ("", *(f"-{number}" for number in range(1, 10_000)))
    return next(place for each in numbers if not (place := folder / f"{stamp}{each}-{name}").exists())


@contextmanager
def taking_alone(folder: Path) -> Iterator[None]:
    """Hold the lock on reading files until the end of the block; wait for it first."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "intake.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
