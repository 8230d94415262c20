"""The authority: decides in the scope of each call whether its caller may make it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from housing.roles import NAMES, roles_by_service
from housing.v1.annotations_pb2 import ROLE_ADMIN, ROLE_ANYONE, Role
from housing_server.access.key_file import read_keys
from housing_server.access.keys import ApiKey, bearer, matches, parse
from housing_server.access.usage import Usage
from housing_server.core.calls import API_KEY, AUTHORIZATION, CREDENTIALS, CallLog, Credentials, Method
from housing_server.errors import (
    CredentialsExpired,
    CredentialsInvalid,
    CredentialsMissing,
    InvalidKeys,
    RequestError,
    RoleRequired,
)

_LOOK_SECONDS = 1.0
"""Interval at which the file of keys is checked for changes."""
_NOBODY = "0" * 64
"""Compared with where there is no key of an id, so that the time does not show which ids exist."""
_UNKNOWN = ("unknown", "unknown")


class DenialObserver(Protocol):
    """Counts denials."""

    def denied(self, method: Method, error: RequestError) -> None:
        """Count a call that was not admitted."""


class _Version(NamedTuple):
    """What differs between two versions of a file."""

    changed: int
    inode: int
    size: int


class Authority:
    """Admits calls by the API keys of a file, which it reads again when it has changed."""

    def __init__(  # noqa: PLR0913 - what it is wired from
        self,
        path: Path,
        usage: Usage,
        observer: DenialObserver,
        log: CallLog,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the keys.

        Args:
            path: the file of keys; without one, nobody is admitted until there is.
            usage: counts calls of keys with limits.
            observer: counts denials.
            log: logs a file that cannot be read.
            now: returns the time in seconds since 1970.
            clock: returns seconds, for the interval of checks.
        """
        self._path = path
        self._usage = usage
        self._observer = observer
        self._log = log
        self._now = now
        self._clock = clock
        self._roles = _roles()
        self._keys: Mapping[str, ApiKey] = {}
        self._version: _Version | None = None
        self._next_look = 0.0

    def credentials(self, metadata: Iterable[tuple[str, str | bytes]], names: Sequence[str]) -> Credentials:
        """Return what a call brings; see `CallAuthority`."""
        found = {name: str(value) for name, value in metadata if name in CREDENTIALS}
        return Credentials(bearer(found.get(AUTHORIZATION, "")) or found.get(API_KEY), names)

    def admit(self, method: Method, credentials: Credentials) -> str | None:
        """Return the name of the caller, once the call is allowed and counted; None for a call open to anyone.

        Args:
            method: the method that is called.
            credentials: what `credentials` has returned.

        Raises:
            CredentialsMissing: the method needs a key, and the call has none.
            CredentialsInvalid: the key is unknown or revoked.
            CredentialsExpired: the key has expired.
            RoleRequired: the method needs a higher role.
            RateExceeded: the key has used up its calls of this second.
            QuotaExceeded: the key has used up its calls of this day.
        """
        try:
            return self._admit(method, credentials)
        except RequestError as error:
            self._observer.denied(method, error)
            raise

    def _admit(self, method: Method, credentials: Credentials) -> str | None:
        needed = self._roles.get((method.service, method.name), ROLE_ADMIN)
        if needed == ROLE_ANYONE:
            return None
        if credentials.token is None:
            raise CredentialsMissing
        key = self._identify(credentials.token)
        if key.granted < needed:
            raise RoleRequired(NAMES[needed])
        if key.calls_per_second or key.calls_per_day:
            self._usage.count(key)
        return key.name

    def _identify(self, token: str) -> ApiKey:
        self._look()
        key_id, secret = parse(token) or ("", "")
        key = self._keys.get(key_id)
        if not matches(secret, key.digest if key else _NOBODY) or key is None:
            raise CredentialsInvalid
        if key.expired(self._now()):
            raise CredentialsExpired
        return key

    def _look(self) -> None:
        """Read the keys again if the file has changed; look at most once a second."""
        clock = self._clock()
        if clock < self._next_look:
            return
        self._next_look = clock + _LOOK_SECONDS
        self._usage.look_around()
        version = _version(self._path)
        if version == self._version and version is not None:
            return
        self._version = version
        try:
            self._keys = {key.key_id: key for key in read_keys(self._path)}
        except InvalidKeys as error:
            # The keys known so far remain: an unreadable file must lock nobody out. It is logged until it is mended.
            self._version = None
            self._log.error("the file of keys cannot be read; the keys read before remain valid", reason=str(error))


def _version(path: Path) -> _Version | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Version(found.st_mtime_ns, found.st_ino, found.st_size)


def _roles() -> dict[tuple[str, str], Role.ValueType]:
    """Return the role of each method of the contract; a call to an unknown method is refused as such, by anyone."""
    roles = {(service, name): role for service, methods in roles_by_service().items() for name, role in methods.items()}
    return roles | {_UNKNOWN: ROLE_ANYONE}
