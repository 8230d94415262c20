"""Refusals of requests: what was sent cannot be read, breaks a rule, or is for nothing that exists."""

from collections.abc import Sequence
from dataclasses import dataclass

from housing_server.errors.base import RequestError


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
