"""What can go wrong, as one tree.

ServingError
├── StartError               the service cannot start or go on: one line for the operator, non-zero exit
│   ├── InvalidSettings
│   ├── PortInUse
│   ├── RegistryUnavailable
│   ├── ModelNotFound
│   └── ModelRejected
│       └── ModelNotAllowed
└── RequestError             one call cannot be answered: a status for the caller
    ├── InvalidRequest
    ├── UndecodableMessage
    ├── MessageTooLarge
    ├── EncodingNotSupported
    ├── MethodNotFound
    ├── ServiceNotFound
    ├── DeadlinePassed
    ├── ModelNotLoaded
    ├── ModelProfileNotFound
    ├── ModelCardNotFound
    ├── ModelFailed
    ├── Overloaded
    ├── PredictionLogUnavailable
    ├── PredictionNotFound
    ├── QueryTooSlow
    ├── ExplanationNotAvailable
    ├── HelperUnavailable
    ├── RelayedError
    ├── ShuttingDown
    └── InternalError
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status


class ServingError(Exception):
    """Anything that this package raises on purpose."""


class StartError(ServingError):
    """The service cannot start; the message says what to do, in one line."""


class InvalidSettings(StartError):
    """An environment variable holds a value that is not allowed."""


class PortInUse(StartError):
    """A port that the service needs is taken."""


class RegistryUnavailable(StartError):
    """The model registry does not answer, or is not there."""


class ModelNotFound(StartError):
    """The registry holds no such model, version or alias."""


class ModelRejected(StartError):
    """The model's files cannot be served under this contract."""


class ModelNotAllowed(ModelRejected):
    """The model is of a kind that this server is not set to load."""

    def __init__(self, message: str, folder_name: str) -> None:
        """Refuse a model.

        Args:
            message: what to do.
            folder_name: how its folder is called, which names its version for good.
        """
        super().__init__(message)
        self.folder_name = folder_name


class RequestError(ServingError):
    """One call cannot be answered; the message is for its caller and holds none of the caller's values."""

    @property
    def cause(self) -> str:
        """What is wrong, for the log of the service: by default what the caller is told."""
        return str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """A field of a request that breaks a rule of the contract."""

    field: str
    """Path of the field from the request message, for example `block_groups[17].latitude`."""
    rule: str
    """Id of the rule, for example `double.gte_lte`."""
    description: str
    """The rule in words, with its limits."""


class InvalidRequest(RequestError):
    """The request breaks rules of the contract."""

    def __init__(self, violations: Sequence[FieldViolation], *, more: bool = False) -> None:
        """Refuse a request.

        Args:
            violations: the first of its violations, at least one.
            more: whether there are others, which were not looked for.
        """
        first, others = violations[0], len(violations) - 1
        text = f"{first.field}: {first.description}"
        if others or more:
            text += f" (and {'at least ' if more else ''}{others + more} more)"
        super().__init__(text)
        self.violations = tuple(violations)


class UndecodableMessage(RequestError):
    """What was sent is no message of the method's type, or no message was sent."""

    def __init__(self, message_type: str) -> None:
        """Refuse a call.

        Args:
            message_type: full name of the message type that the method takes.
        """
        super().__init__(f"the request cannot be decoded as {message_type}")


class MessageTooLarge(RequestError):
    """A message is larger than the service reads."""

    def __init__(self, limit: int) -> None:
        """Refuse a call.

        Args:
            limit: the largest size allowed, in bytes.
        """
        super().__init__(f"the message is larger than {limit} bytes")


class EncodingNotSupported(RequestError):
    """Messages are compressed in a way that the service does not read."""

    def __init__(self) -> None:
        super().__init__("messages may be compressed with gzip, or not at all")


class MethodNotFound(RequestError):
    """The service has no such method."""

    def __init__(self) -> None:
        super().__init__("this server has no such method; server reflection lists the services that it has")


class ServiceNotFound(RequestError):
    """The health of a service is asked for that this server does not have."""

    def __init__(self) -> None:
        super().__init__("this server has no such service")


class DeadlinePassed(RequestError):
    """The caller's deadline passed before the call was answered."""

    def __init__(self) -> None:
        super().__init__("the deadline of the call has passed")


class ModelNotLoaded(RequestError):
    """No model is loaded yet."""

    def __init__(self) -> None:
        super().__init__("no model is loaded yet; try again in a few seconds")


class ModelProfileNotFound(RequestError):
    """The loaded model has no profile."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"version {version} of {name} was registered without a profile")


class ModelCardNotFound(RequestError):
    """The loaded model has no card."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"version {version} of {name} was registered without a card")


class ModelFailed(RequestError):
    """The model that is served has no answer to a block group that keeps every rule."""

    def __init__(self, reason: str, path: str = "") -> None:
        """Refuse a block group.

        Args:
            reason: what the model did, for the log; callers are not told.
            path: where the block group stands in the request; empty when there is but one.
        """
        subject = path or "this block group"
        super().__init__(f"{subject} has no answer from the model that is served; others are not affected")
        self.reason = reason

    @property
    def cause(self) -> str:
        """What the model did."""
        return self.reason


class Overloaded(RequestError):
    """There is more work under way than can be done soon."""

    def __init__(self, retry_seconds: float) -> None:
        """Refuse a call.

        Args:
            retry_seconds: after how long to try again: the time that the work under way is likely to take.
        """
        super().__init__("the service has more work than it can do soon; try again later, with growing pauses")
        self.retry_seconds = retry_seconds


class PredictionLogUnavailable(RequestError):
    """Answers cannot be put on record, or the record cannot be read."""

    def __init__(self, reason: str) -> None:
        """Refuse a call.

        Args:
            reason: what is wrong, for the log; callers are not told.
        """
        super().__init__("the prediction log is not available; try again in a few seconds")
        self.reason = reason

    @property
    def cause(self) -> str:
        """What is wrong with it."""
        return self.reason


class PredictionNotFound(RequestError):
    """No prediction of that id is on record."""

    def __init__(self) -> None:
        super().__init__("no prediction of that id is on record: it never was, or is no longer")


class QueryTooSlow(RequestError):
    """Reading the prediction log took longer than one query may."""

    def __init__(self, seconds: float) -> None:
        """Refuse a call.

        Args:
            seconds: how long it may take.
        """
        super().__init__(f"reading took longer than {seconds:g} s: ask for a shorter range of time")


class ExplanationNotAvailable(RequestError):
    """The price cannot be explained, and will not be until something is changed; the message says why."""


class HelperUnavailable(RequestError):
    """The process of the service that answers such calls does not run at the moment."""

    def __init__(self) -> None:
        super().__init__("this part of the service is being started; try again in a few seconds")


class RelayedError(RequestError):
    """Another process of the service has refused the call."""

    def __init__(self, status: "Status") -> None:
        """Pass a refusal on.

        Args:
            status: how the other process worded it.
        """
        super().__init__(status.message)
        self.status = status


class ShuttingDown(RequestError):
    """The service has been told to stop."""

    def __init__(self) -> None:
        super().__init__("the service is shutting down; ask another, or try again in a few seconds")


class InternalError(RequestError):
    """The service is at fault; what happened is in its log only."""

    def __init__(self) -> None:
        super().__init__("internal error; the service's log holds the details")
