"""Refusals of callers."""

from housing_server.errors.base import RequestError


class CredentialsMissing(RequestError):
    """The method needs credentials, and the call has none."""

    def __init__(self) -> None:
        super().__init__("credentials are required: send an API key as `authorization: Bearer KEY`")


class CredentialsInvalid(RequestError):
    """The credentials of a call are unknown, revoked, or not for this service."""

    def __init__(self) -> None:
        super().__init__("the credentials are not valid")


class CredentialsExpired(RequestError):
    """The API key or token of a call has expired."""

    def __init__(self) -> None:
        super().__init__("the API key or token has expired: get another")


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
