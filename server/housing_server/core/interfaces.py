"""What the core requires of outer layers: an observer and a prediction log."""

from typing import Protocol

from housing_server.core.answers import Answers
from housing_server.core.callers import RunTimes
from housing_server.errors import InvalidRequest, ModelFailed


class PredictionObserver(Protocol):
    """Counts what the core does; exceptions it raises are reported, and do not affect callers."""

    def predicted(self, answers: Answers, times: RunTimes) -> None:
        """Count rows that were answered by one run of a model; from any thread."""

    def refused(self, error: InvalidRequest, times: int = 1) -> None:
        """Count requests, or parts of one, that broke the same rules of the contract; from any thread."""

    def failed(self, error: ModelFailed, rows: int, /) -> None:
        """Count rows for which the model failed; from any thread."""


class PredictionLog(Protocol):
    """Records answers."""

    inline: bool
    """Whether an append is fast enough for the event loop."""

    def check(self) -> None:
        """Return at once if an append is likely to succeed; from the event loop.

        Raises:
            PredictionLogUnavailable: it is likely to fail, so a call need not be computed.
        """

    def probe(self) -> None:
        """Test whether answers can be recorded, which may take a moment; from any thread.

        Raises:
            PredictionLogUnavailable: they cannot.
        """

    def append(self, answers: Answers) -> None:
        """Record answers, durably once it returns; from any thread.

        Raises:
            PredictionLogUnavailable: the answers could not be recorded, and must not be returned.
        """
