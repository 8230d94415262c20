"""What outer layers do for the core: observing, and keeping the record of answers."""

from typing import Protocol

from housing_server.core.answers import Answers
from housing_server.core.callers import RunTimes
from housing_server.errors import InvalidRequest, ModelFailed


class PredictionObserver(Protocol):
    """Counts what the core did; its failures are reported, and change nothing for callers."""

    def predicted(self, answers: Answers, times: RunTimes) -> None:
        """Count rows that were answered by one run of a model; from any thread."""

    def refused(self, error: InvalidRequest, times: int = 1) -> None:
        """Count requests, or parts of one, that broke the same rules of the contract; from any thread."""

    def failed(self, error: ModelFailed, rows: int, /) -> None:
        """Count rows that the model had no answer to; from any thread."""


class PredictionLog(Protocol):
    """Where answers go on record."""

    inline: bool
    """Whether an append is so quick that it may be made on the event loop."""

    def check(self) -> None:
        """Return at once if answers are likely to be put on record; from the event loop.

        Raises:
            PredictionLogUnavailable: they are not: a call need not be computed.
        """

    def probe(self) -> None:
        """Try whether answers can be put on record, which may take a moment; from any thread.

        Raises:
            PredictionLogUnavailable: they cannot.
        """

    def append(self, answers: Answers) -> None:
        """Put answers on record, for good once it returns; from any thread.

        Raises:
            PredictionLogUnavailable: it cannot be done; then nobody may hear the answers.
        """
