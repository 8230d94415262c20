"""API keys: how they are made, written and recognized.

A key is `hk_ID_SECRET`. The id names it in files, logs and commands; the secret is 256 random bits, of which only the
SHA-256 is stored. A slow password hash would add nothing: nobody can search so many secrets, and it would cost
milliseconds at the first call of each process, for a caller with a wrong key at every call (docs/adr/0016).
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from housing.roles import GRANTED
from housing.v1.annotations_pb2 import Role

_ID_BYTES = 6
_SECRET_BYTES = 32
_KEY = re.compile(r"hk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_BEARER = "bearer "
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of keys: they are written to logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is stored: without its secret."""

    key_id: str
    """Its public part."""
    name: str
    """Who uses it."""
    role: str
    """`predict`, `operate` or `admin`."""
    digest: str
    """SHA-256 of the secret, in hexadecimal."""
    created_at: float
    """Seconds since 1970."""
    expires_at: float | None = None
    """Seconds since 1970 at which it expires; None for never."""
    calls_per_second: int = 0
    """Most calls in a second; 0 for no limit. A message of a stream counts as a call."""
    calls_per_day: int = 0
    """Most calls in a day of UTC; 0 for no limit."""
    number: int
    """Its number in the file, which is not used again: the row of its counts."""

    @property
    def granted(self) -> Role.ValueType:
        """Its role, as the contract numbers them."""
        return GRANTED[self.role]

    def expired(self, now: float) -> bool:
        """Return whether it has expired, at a time in seconds since 1970."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A key that has just been made: the only moment at which its text is known."""

    key_id: str
    text: str
    """What the caller sends."""
    digest: str
    """What is stored."""

    def __repr__(self) -> str:
        return f"NewSecret({self.key_id})"


def new_secret() -> NewSecret:
    """Return a random key."""
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    return NewSecret(key_id=key_id, text=f"hk_{key_id}_{secret}", digest=_digest(secret))


def parse(text: str) -> tuple[str, str] | None:
    """Split a key into id and secret; None if it is not one of ours."""
    found = _KEY.fullmatch(text)
    return (found[1], found[2]) if found else None


def matches(secret: str, digest: str) -> bool:
    """Return whether a secret is that of a digest, in a time that does not depend on either."""
    return hmac.compare_digest(_digest(secret), digest)


def bearer(authorization: str) -> str | None:
    """Return the token of an `authorization` header; None of another scheme."""
    if authorization[: len(_BEARER)].lower() != _BEARER:
        return None
    return authorization[len(_BEARER) :].strip()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
