"""How a worker puts answers on record, by the mode that was chosen."""

from pathlib import Path
from typing import TYPE_CHECKING

from housing_server.core.answers import Answers
from housing_server.prediction_log.journal import Journal
from housing_server.prediction_log.modes import LogMode
from housing_server.prediction_log.strict_log import StrictLog

if TYPE_CHECKING:
    from housing_server.core.interfaces import PredictionLog


def open_sink(mode: LogMode, *, url: str, journal_folder: Path, writer: str) -> "PredictionLog":
    """Open what a worker records its answers with; one that cannot be opened yet refuses answers until it can.

    Args:
        mode: how answers go on record.
        url: the store, for `strict`.
        journal_folder: where journals are, for `lenient`.
        writer: the worker's name, which no other process has at the same time.
    """
    match mode:
        case "lenient":
            return Journal(journal_folder, writer).open()
        case "strict":
            return StrictLog.at(url).open()
        case "off":
            return NoLog()


class NoLog:
    """Keeps no record."""

    inline = True

    def check(self) -> None:
        """Do nothing."""

    def probe(self) -> None:
        """Do nothing."""

    def append(self, answers: Answers) -> None:
        """Do nothing."""
