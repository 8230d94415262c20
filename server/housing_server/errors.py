"""The errors of this package, as one tree.

ServingError
├── StartError               the service cannot start or continue: one line for the operator, non-zero exit
│   ├── InvalidSettings
│   ├── InvalidKeys
│   ├── PortInUse
│   ├── RegistryUnavailable
│   ├── ModelNotFound
│   └── ModelRejected
│       └── ModelNotAllowed
├── ScoringError             a file cannot be scored: one line for its owner, non-zero exit
│   ├── UnreadableTable
│   └── UnwritableOutput
└── RequestError             one call cannot be answered: a status for the caller
    ├── CredentialsMissing
    ├── CredentialsInvalid
    ├── CredentialsExpired
    ├── RoleRequired
    ├── RateExceeded
    ├── QuotaExceeded
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
    ├── RetrainingNotFound
    ├── TooManyRetrainings
    ├── ModelVersionNotFound
    ├── ModelVersionRefused
    ├── NoEarlierChampion
    ├── ChampionChanged
    ├── ModelPinned
    ├── ModelRegistryUnavailable
    ├── ServiceUnavailable
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
    """Base of all errors that this package raises on purpose."""


class StartError(ServingError):
    """The service cannot start; the message says what to do, in one line."""


class ScoringError(ServingError):
    """A file cannot be scored; the message says what to do, in one line."""


class UnreadableTable(ScoringError):
    """The input is not a table of block groups, or cannot be read to its end."""


class UnwritableOutput(ScoringError):
    """The output cannot be written, or what is there is of another run."""


class InvalidSettings(StartError):
    """An environment variable holds a value that is not allowed."""


class InvalidKeys(StartError):
    """A file of keys or identities cannot be used."""


class PortInUse(StartError):
    """A port that the service needs is not available."""


class RegistryUnavailable(StartError):
    """The model registry is not available."""


class ModelNotFound(StartError):
    """The registry has no such model, version or alias."""


class ModelRejected(StartError):
    """The model's files cannot be served under this contract."""


class ModelNotAllowed(ModelRejected):
    """The server is not configured to load models of this kind."""

    def __init__(self, message: str, folder_name: str) -> None:
        """Refuse a model.

        Args:
            message: what to do.
            folder_name: name of its folder, which identifies the version.
        """
        super().__init__(message)
        self.folder_name = folder_name


class RequestError(ServingError):
    """One call cannot be answered; the message is sent to its caller and contains none of the caller's values."""

    @property
    def cause(self) -> str:
        """The cause, for the service's log: by default the message to the caller."""
        return str(self)


class CredentialsMissing(RequestError):
    """The method needs credentials, and the call has none."""

    def __init__(self) -> None:
        super().__init__("credentials are required: send an API key as `authorization: Bearer KEY`")


class CredentialsInvalid(RequestError):
    """The credentials of a call are unknown or revoked."""

    def __init__(self) -> None:
        super().__init__("the credentials are not valid")


class CredentialsExpired(RequestError):
    """The API key of a call has expired."""

    def __init__(self) -> None:
        super().__init__("the API key has expired: ask the service's operator for another")


class RoleRequired(RequestError):
    """The caller is known, and may not call this method."""

    def __init__(self, role: str) -> None:
        """Refuse a call.

        Args:
            role: name of the role that the method needs.
        """
        super().__init__(f"the method requires the role {role}")
        self.role = role


class RateExceeded(RequestError):
    """The caller's key has used up its calls of this second."""

    def __init__(self, retry_seconds: float) -> None:
        """Refuse a call.

        Args:
            retry_seconds: suggested retry delay.
        """
        super().__init__("the rate limit of this API key is exceeded; retry later, with exponential backoff")
        self.retry_seconds = retry_seconds


class QuotaExceeded(RequestError):
    """The caller's key has used up its calls of this day."""

    def __init__(self, retry_seconds: float) -> None:
        """Refuse a call.

        Args:
            retry_seconds: time until the next day of UTC.
        """
        super().__init__("the daily quota of this API key is used up; it is renewed at midnight UTC")
        self.retry_seconds = retry_seconds


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

        violations: the first of its violations, at least one.
        more: whether there may be others, which were not searched for.
        """
        first, others = violations[0], len(violations) - 1
        text = f"{first.field}: {first.description}"
        if others or more:
            text += f" (and {'at least ' if more else ''}{others + more} more)"
        super().__init__(text)
        self.violations = tuple(violations)


class UndecodableMessage(RequestError):
    """The request is not a message of the method's type, or is missing."""

    def __init__(self, message_type: str) -> None:
        """Refuse a call.

        Args:
            message_type: full name of the method's request type.
        """
        super().__init__(f"the request cannot be decoded as {message_type}")


class MessageTooLarge(RequestError):
    """A message exceeds the size limit."""

    def __init__(self, limit: int) -> None:
        """Refuse a call.

        Args:
            limit: the largest size allowed, in bytes.
        """
        super().__init__(f"the message is larger than {limit} bytes")


class EncodingNotSupported(RequestError):
    """Messages are compressed with an algorithm that the service does not support."""

    def __init__(self) -> None:
        super().__init__("messages may be compressed with gzip, or not at all")


class MethodNotFound(RequestError):
    """The service has no such method."""

    def __init__(self) -> None:
        super().__init__("unknown method; server reflection lists the services of this server")


class ServiceNotFound(RequestError):
    """A health check names a service that this server does not have."""

    def __init__(self) -> None:
        super().__init__("unknown service")


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
    """The served model failed on a block group that keeps every rule."""

    def __init__(self, reason: str, path: str = "") -> None:
        """Refuse a block group.

        Args:
            reason: the cause, for the log only.
            path: path of the block group in the request; empty when there is only one.
        """
        subject = path or "this block group"
        super().__init__(f"the model failed on {subject}; other block groups are not affected")
        self.reason = reason

    @property
    def cause(self) -> str:
        """The cause of the failure."""
        return self.reason


class Overloaded(RequestError):
    """There is more work in flight than can be finished soon."""

    def __init__(self, retry_seconds: float) -> None:
        """Refuse a call.

        Args:
            retry_seconds: suggested retry delay: the expected time until the work in flight is done.
        """
        super().__init__("the service is overloaded; retry later, with exponential backoff")
        self.retry_seconds = retry_seconds


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


class ExplanationNotAvailable(RequestError):
    """The price cannot be explained until the configuration or the model changes; the message says why."""


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


class ModelVersionNotFound(RequestError):
    """The registry has no such version of the model."""

    def __init__(self, model_name: str) -> None:
        super().__init__(f"the registry has no such version of {model_name}")


class ModelVersionRefused(RequestError):
    """Something on record speaks against a version; the message says what."""

    def __init__(self, objection: str) -> None:
        super().__init__(f"{objection}; set force to promote it nevertheless")


class NoEarlierChampion(RequestError):
    """No champion before the present one is on record."""

    def __init__(self) -> None:
        super().__init__("no champion before the present one is on record: promote a version instead")


class ChampionChanged(RequestError):
    """The champion is another version than the caller expects."""

    def __init__(self, champion: str) -> None:
        """Refuse a call.

        Args:
            champion: the champion's version; empty when there is none.
        """
        super().__init__(
            f"the champion is {f'version {champion}' if champion else 'not set'}: it was changed meanwhile"
        )


class ModelPinned(RequestError):
    """The service is configured to serve one version, which no alias names."""

    def __init__(self) -> None:
        super().__init__("the service is configured to serve one version by number: there is no champion to change")


class ModelRegistryUnavailable(RequestError):
    """The model registry cannot be read or written."""

    def __init__(self, reason: str) -> None:
        """Refuse a call.

        Args:
            reason: the cause, for the log only.
        """
        super().__init__("the model registry is not available; try again in a few seconds")
        self.reason = reason

    @property
    def cause(self) -> str:
        """The cause of the failure."""
        return self.reason


class ServiceUnavailable(RequestError):
    """The process that answers the calls of one gRPC service does not run at the moment."""

    def __init__(self, service: str) -> None:
        """Refuse a call.

        Args:
            service: full name of the gRPC service that was called.
        """
        super().__init__(f"{service} is not available at the moment; try again in a few seconds")
        self.service = service


class RelayedError(RequestError):
    """Another process of the service has refused the call."""

    def __init__(self, status: "Status") -> None:
        """Forward a refusal.

        Args:
            status: the status that the other process returned.
        """
        super().__init__(status.message)
        self.status = status


class ShuttingDown(RequestError):
    """The service is stopping."""

    def __init__(self) -> None:
        super().__init__("the service is shutting down; retry in a few seconds, or call another instance")


class InternalError(RequestError):
    """The service is at fault; details are in its log only."""

    def __init__(self) -> None:
        super().__init__("internal error; the details are in the service's log")
