"""The prediction log of a worker, by mode."""

from pathlib import Path
from typing import TYPE_CHECKING

from housing_server.core.answers import Answers
from housing_server.prediction_log.journal import Journal
from housing_server.prediction_log.modes import LogMode
from housing_server.prediction_log.strict_log import StrictLog

if TYPE_CHECKING:
    from housing_server.core.interfaces import PredictionLog


def open_sink(mode: LogMode, *, url: str, journal_folder: Path, writer: str) -> "PredictionLog":
    """Open the prediction log of a worker; if that fails, it refuses answers until it succeeds.

    Args:
        mode: how answers are recorded.
        url: the store, for `strict`.
        journal_folder: folder of the journals, for `lenient`.
        writer: the worker's name, unique among those that run.
    """
    match mode:
        case "lenient":
            return Journal(journal_folder, writer).open()
        case "strict":
            return StrictLog.at(url).open()
        case "off":
            return NoLog()


class NoLog:
    """Records nothing."""

    inline = True

    def check(self) -> None:
        """Do nothing."""

    def probe(self) -> None:
        """Do nothing."""

    def append(self, answers: Answers) -> None:
        """Do nothing."""
