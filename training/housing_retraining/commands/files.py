"""Reading dropped files: composition root."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from housing_retraining.errors import RetrainingError
from housing_retraining.intake.folders import Folders
from housing_retraining.settings import RetrainingSettings

if TYPE_CHECKING:
    from housing_retraining.intake.report import FileReport


def folders_of(settings: RetrainingSettings) -> Folders:
    """Return the folders of dropped files."""
    return Folders(incoming=settings.incoming_dir, accepted=settings.accepted_dir, rejected=settings.rejected_dir)


def take_files(files: Sequence[Path], settings: RetrainingSettings) -> "list[FileReport]":
    """Read files, one after the other, and return the report on each.

    Raises:
        RetrainingError: the table of all rows cannot be created.
    """
    # pandas and pandera take a second to import, so only when files are read.
    from housing_retraining.data_versions.base import open_rows  # noqa: PLC0415
    from housing_retraining.intake.sifting import Limits  # noqa: PLC0415
    from housing_retraining.intake.taking import FileTaker, taking_alone  # noqa: PLC0415
    from housing_training.errors import TrainingError  # noqa: PLC0415
    from housing_training.files import artifacts  # noqa: PLC0415
    from housing_training.params.schema import Params  # noqa: PLC0415

    folders = folders_of(settings)
    folders.make()
    limits = Limits(max_rows=settings.retraining_max_rows, bad_share=settings.retraining_bad_share)
    with taking_alone(settings.folder):
        try:
            rows = open_rows(settings.folder, Params.read(artifacts.PARAMS))
        except TrainingError as error:
            raise RetrainingError(str(error)) from error
        taker = FileTaker(folders, limits)
        return [taker.take(path, rows) for path in files if path.exists()]  # another process may have read it


def file_line(report: "FileReport") -> str:
    """Return a report as a line."""
    counts = f"{report.rows:,} rows, {report.new_rows:,} new, {report.known_rows:,} known, {report.bad_rows:,} bad"
    return f"{report.result} {report.file}: {report.reason or counts}"
