"""A pause after a failed write, in which further answers are refused at once."""

from collections.abc import Callable

from housing_server.errors import PredictionLogUnavailable

RETRY_SECONDS = 1.0
"""Length of the pause: without one every call would cost several system calls on a full disk, or a wait for a store."""


class RetryPause:
    """Remembers why the last write failed, until one succeeds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without a failure.

        Args:
            clock: returns seconds.
        """
        self._clock = clock
        self._problem: str | None = None
        self._retry_at = 0.0

    @property
    def failed(self) -> bool:
        """Whether the last write failed."""
        return self._problem is not None

    def check(self) -> None:
        """Return unless the pause lasts.

        Raises:
            PredictionLogUnavailable: the last write failed, less than a second ago.
        """
        if self._problem is not None and self._clock() < self._retry_at:
            raise PredictionLogUnavailable(self._problem)

    def begin(self, problem: str) -> PredictionLogUnavailable:
        """Begin a pause after a failed write, and return the error to raise."""
        self._problem = problem
        self._retry_at = self._clock() + RETRY_SECONDS
        return PredictionLogUnavailable(problem)

    def end(self) -> None:
        """Record that a write has succeeded."""
        self._problem = None
