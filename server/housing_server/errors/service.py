"""The state of the service, as calls meet it."""

from typing import TYPE_CHECKING

from housing_server.errors.base import RequestError

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status


class Overloaded(RequestError):
    """There is more work in flight than can be finished soon."""

    def __init__(self, retry_seconds: float) -> None:
        """Refuse a call.

        Args:
            retry_seconds: suggested retry delay: the expected time until the work in flight is done.
        """
        super().__init__("the service is overloaded; retry later, with exponential backoff")
        self.retry_seconds = retry_seconds


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
