"""How a worker puts answers on record, by the mode that was chosen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from housing_server.control.messages import Configure
from housing_server.core.answers import Answers
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.journal import Journal
from housing_server.prediction_log.journal_lines import line_from_answers, records_from_line

if TYPE_CHECKING:
    from housing_server.core.interfaces import PredictionLog
    from housing_server.prediction_log.store import PredictionStore


def open_log(config: Configure) -> PredictionLog:
    """Open the log of a worker."""
    match config.prediction_log:
        case "lenient":
            return Journal(Path(config.journal_folder), config.name).open()
        case "strict":
            return StrictLog(config.prediction_log_url).open()
        case "off":
            return NoLog()


class StrictLog:
    """Writes to the store before an answer is given: while it is down there are none.

    Answers are written on a thread, and those that come meanwhile share the next transaction.
    """

    inline = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: PredictionStore | None = None

    def open(self) -> Self:
        """Open the store now, if it is up: the first caller shall not wait for that."""
        with suppress(PredictionLogUnavailable):
            self._opened()
        return self

    def append(self, answers: Answers) -> None:
        """Put answers on record.

        Raises:
            PredictionLogUnavailable: the store does not take them.
        """
        self._opened().add(list(records_from_line(line_from_answers(answers))))

    def _opened(self) -> PredictionStore:
        if self._store is None:
            # SQLAlchemy is 20 MB of memory: only a worker that needs it pays.
            from housing_server.prediction_log.store import PredictionStore  # noqa: PLC0415

            self._store = PredictionStore.open(self._url)
        return self._store


class NoLog:
    """Keeps no record."""

    inline = True

    def append(self, answers: Answers) -> None:
        """Do nothing."""
