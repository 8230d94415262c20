"""The prediction log and the record of retrainings, as calls meet them."""

from housing_server.errors.base import RequestError


class PredictionLogUnavailable(RequestError):
    """Answers cannot be recorded, or the prediction log cannot be read."""

    def __init__(self, reason: str) -> None:
        """Refuse a call.

        Args:
            reason: the cause, for the log only.
        """
        super().__init__("the prediction log is not available; try again in a few seconds")
        self.reason = reason

    @property
    def cause(self) -> str:
        """The cause of the failure."""
        return self.reason


class PredictionNotFound(RequestError):
    """No prediction with this id is on record."""

    def __init__(self) -> None:
        super().__init__("no prediction with this id is on record: the id is unknown, or the record was pruned")


class QueryTooSlow(RequestError):
    """A query of the prediction log exceeded its time limit."""

    def __init__(self, seconds: float) -> None:
        """Refuse a call.

        Args:
            seconds: the time limit.
        """
        super().__init__(f"the query took longer than {seconds:g} s: request a shorter time range")


class RetrainingNotFound(RequestError):
    """No retraining with this id is on record."""

    def __init__(self) -> None:
        super().__init__("no retraining with this id is on record")


class TooManyRetrainings(RequestError):
    """Too many retrainings requested by hand wait already."""

    def __init__(self, waiting: int) -> None:
        """Refuse a call.

        Args:
            waiting: how many wait.
        """
        super().__init__(f"{waiting} retrainings requested by hand wait already: is a watcher running?")
