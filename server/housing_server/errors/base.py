"""What all errors of this package have in common."""


class ServingError(Exception):
    """Base of all errors that this package raises on purpose."""


class RequestError(ServingError):
    """One call cannot be answered; the message is sent to its caller and contains none of the caller's values."""

    @property
    def cause(self) -> str:
        """The cause, for the service's log: by default the message to the caller."""
        return str(self)
