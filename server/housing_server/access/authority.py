"""The authority: decides in the scope of each call whether its caller may make it."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from housing.roles import GRANTED, NAMES, roles_by_service
from housing.v1.annotations_pb2 import ROLE_ADMIN, ROLE_ANYONE, Role
from housing_server.access.followed import Followed
from housing_server.access.identities import forwarded_names, read_identities
from housing_server.access.key_file import read_keys
from housing_server.access.keys import ApiKey, bearer, matches, parse
from housing_server.access.token_rules import TokenRules
from housing_server.access.tokens import Tokens, is_token
from housing_server.access.usage import Usage
from housing_server.core.calls import API_KEY, AUTHORIZATION, CERTIFICATE, CREDENTIALS, CallLog, Credentials, Method
from housing_server.errors import (
    CredentialsExpired,
    CredentialsInvalid,
    CredentialsMissing,
    RequestError,
    RoleRequired,
)

_LOOK_SECONDS = 1.0
"""Interval at which the file of keys is checked for changes."""
_NOBODY = "0" * 64
"""Compared with where there is no key of an id, so that the time does not show which ids exist."""
_UNKNOWN = ("unknown", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFiles:
    """Where credentials are, and how they reach this process."""

    keys: Path
    """File of the API keys; without one, there are none."""
    identities: Path | None = None
    """File of the roles of certificates; None where callers' certificates count for nothing."""
    forwarded: bool = False
    """Whether an Envoy before this process ends TLS, and reports the certificate in a header of its own."""
    tokens: TokenRules | None = None
    """Which tokens of an OpenID provider are accepted; None for none."""


class DenialObserver(Protocol):
    """Counts denials."""

    def denied(self, method: Method, error: RequestError) -> None:
        """Count a call that was not admitted."""


class _Caller(NamedTuple):
    """An admitted caller."""

    name: str
    role: Role.ValueType
    key: ApiKey | None


class Authority:
    """Admits calls by API keys, tokens and certificates, from files that it reads again when they have changed."""

    def __init__(  # noqa: PLR0913 - what it is wired from
        self,
        files: AccessFiles,
        usage: Usage,
        observer: DenialObserver,
        log: CallLog,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set where keys and identities are; they are read at the first call.

        Args:
            files: the files of keys and identities, and which tokens are accepted.
            usage: counts calls of keys with limits.
            observer: counts denials.
            log: logs a file that cannot be read.
            now: returns the time in seconds since 1970.
            clock: returns seconds, for the interval of looks.
        """
        self._keys = Followed[Mapping[str, ApiKey]](files.keys, _keys_by_id, {}, log)
        self._identities: Followed[Mapping[str, str]] | None = None
        if files.identities is not None:
            self._identities = Followed(files.identities, read_identities, {}, log)
        self._tokens = None if files.tokens is None else Tokens(files.tokens, log, now)
        self._forwarded = files.forwarded
        self._usage = usage
        self._observer = observer
        self._now = now
        self._clock = clock
        self._roles = _roles()
        self._next_look = 0.0

    def credentials(self, metadata: Iterable[tuple[str, str | bytes]], names: Sequence[str]) -> Credentials:
        """Return what a call brings; see `CallAuthority`."""
        found = {name: str(value) for name, value in metadata if name in CREDENTIALS}
        if self._forwarded and CERTIFICATE in found:
            names = tuple(forwarded_names(found[CERTIFICATE]))
        return Credentials(bearer(found.get(AUTHORIZATION, "")) or found.get(API_KEY), names)

    def admit(self, method: Method, credentials: Credentials) -> str | None:
        """Return the name of the caller, once the call is allowed and counted; None for a call open to anyone.

        Args:
            method: the method that is called.
            credentials: what `credentials` has returned.

        Raises:
            CredentialsMissing: the method needs credentials, and the call has none.
            CredentialsInvalid: the key is unknown or revoked, or the token is not one of the provider.
            CredentialsExpired: the key or the token has expired.
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
        self._look()
        caller = self._caller(credentials)
        if caller.role < needed:
            raise RoleRequired(NAMES[needed])
        if caller.key is not None and (caller.key.calls_per_second or caller.key.calls_per_day):
            self._usage.count(caller.key)
        return caller.name

    def _caller(self, credentials: Credentials) -> _Caller:
        """Identify a caller: by its key or token, or else by its certificate."""
        if credentials.token is not None and self._tokens is not None and is_token(credentials.token):
            found = self._tokens.identify(credentials.token)
            return _Caller(found.name, found.role, None)
        if credentials.token is not None:
            key = self._identify(credentials.token)
            return _Caller(key.name, key.granted, key)
        if self._identities is not None:
            roles = self._identities.content
            for name in credentials.names:
                if name in roles:
                    return _Caller(name, GRANTED[roles[name]], None)
        raise CredentialsMissing

    def _identify(self, token: str) -> ApiKey:
        key_id, secret = parse(token) or ("", "")
        key = self._keys.content.get(key_id)
        if not matches(secret, key.digest if key else _NOBODY) or key is None:
            raise CredentialsInvalid
        if key.expired(self._now()):
            raise CredentialsExpired
        return key

    def _look(self) -> None:
        """Read files that have changed; look at most once a second."""
        clock = self._clock()
        if clock < self._next_look:
            return
        self._next_look = clock + _LOOK_SECONDS
        self._usage.look_around()
        self._keys.look()
        if self._tokens is not None:
            self._tokens.look()
        if self._identities is not None:
            self._identities.look()


def _keys_by_id(path: Path) -> Mapping[str, ApiKey]:
    return {key.key_id: key for key in read_keys(path)}


def _roles() -> dict[tuple[str, str], Role.ValueType]:
    """Return the role of each method of the contract; a call to an unknown method is refused as such, by anyone."""
    roles = {(service, name): role for service, methods in roles_by_service().items() for name, role in methods.items()}
    return roles | {_UNKNOWN: ROLE_ANYONE}
