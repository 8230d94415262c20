"""Tokens of an OpenID provider: JSON Web Tokens, signed with a key of a file, that name a caller and its roles.

Only signatures by public keys are accepted. A token is verified once: until it expires, or the keys change, the result
is remembered, since a signature costs a hundred times what an API key does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from housing.roles import GRANTED
from housing.v1.annotations_pb2 import ROLE_ANYONE, Role
from housing_server.access.followed import Followed
from housing_server.access.token_rules import TokenRules, read_key_set
from housing_server.core.calls import CallLog
from housing_server.errors import CredentialsExpired, CredentialsInvalid, InvalidKeys

if TYPE_CHECKING:
    from jwt import PyJWK

LEEWAY_SECONDS = 60
"""How far the provider's clock and this one may differ."""

_REQUIRED = ("exp", "iss", "aud", "sub")
_ALGORITHMS = re.compile(r"(RS|PS|ES)(256|384|512)|EdDSA|Ed25519")
_NAME = re.compile(r"[\x21-\x7e]{1,255}")
"""A subject that can be in a log line and in a header."""
_REMEMBERED = 1024
"""The most tokens whose verification is remembered."""


class TokenCaller(NamedTuple):
    """The caller that a token names."""

    name: str
    """Its claim `sub`."""
    role: Role.ValueType
    """The highest of its roles; `ROLE_ANYONE` without any."""
    expires_at: float
    """Seconds since 1970 from which on the token is refused, the leeway included."""


class Tokens:
    """Identifies callers by their tokens."""

    def __init__(self, rules: TokenRules, log: CallLog, now: Callable[[], float]) -> None:
        """Set which tokens are accepted; the keys are read at the first look.

        Args:
            rules: which tokens are accepted.
            log: logs that the file of keys cannot be read.
            now: returns the time in seconds since 1970.
        """
        self._rules = rules
        self._now = now
        self._keys = Followed[Sequence["PyJWK"]](Path(rules.keys_file), read_token_keys, (), log)
        self._verified: dict[bytes, TokenCaller] = {}
        self._verified_by: Sequence[PyJWK] = ()

    def look(self) -> None:
        """Read the keys again if they have changed; nothing that the last ones have signed is accepted then."""
        self._keys.look()
        if self._keys.content is not self._verified_by:
            self._verified_by = self._keys.content
            self._verified.clear()

    def identify(self, token: str) -> TokenCaller:
        """Return the caller of a token.

        Raises:
            CredentialsInvalid: it is not a token for this service, or not signed by the provider.
            CredentialsExpired: it has expired.
        """
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        caller = self._verified.get(digest)
        if caller is None:
            caller = self._caller(_verify(token, self._keys.content, self._rules))
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[digest] = caller
        if caller.expires_at <= self._now():
            raise CredentialsExpired
        return caller

    def _caller(self, claims: Mapping[str, Any]) -> TokenCaller:
        name = claims["sub"]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise CredentialsInvalid
        roles = (self._rules.roles.get(each) for each in _named_roles(claims, self._rules.role_claim))
        highest = max((GRANTED[role] for role in roles if role), default=ROLE_ANYONE)
        return TokenCaller(name, highest, float(claims["exp"]) + LEEWAY_SECONDS)


def is_token(credential: str) -> bool:
    """Return whether a credential has the form of a signed token; an API key has not."""
    return credential.count(".") == 2  # noqa: PLR2004 - header, claims and signature


def read_token_keys(path: Path) -> Sequence[PyJWK]:
    """Read the public keys of a JSON Web Key Set.

    Raises:
        InvalidKeys: the file cannot be read, is malformed, or has other keys than public ones.
    """
    from jwt import PyJWK, PyJWTError  # noqa: PLC0415 - 15 MB, which services without tokens do without

    try:
        keys = [PyJWK.from_dict(dict(each)) for each in read_key_set(path)]
    except (PyJWTError, TypeError, ValueError) as error:
        raise InvalidKeys(f"{path} has a malformed key ({type(error).__name__})") from None
    if not all(_ALGORITHMS.fullmatch(key.algorithm_name) for key in keys):
        raise InvalidKeys(f"{path} has a key that is not for signatures by RSA, an elliptic curve or Ed25519")
    return keys


def _verify(token: str, keys: Iterable[PyJWK], rules: TokenRules) -> Mapping[str, Any]:
    """Return the claims of a token, once it is verified.

    Raises:
        CredentialsInvalid: it is not a token for this service, or not signed by the provider.
        CredentialsExpired: it has expired.
    """
    import jwt  # noqa: PLC0415 - see `read_token_keys`

    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        for key in keys:
            if key_id is None or key.key_id == key_id:
                try:
                    return jwt.decode(
                        token,
                        key,
                        algorithms=[key.algorithm_name],
                        issuer=rules.issuer,
                        audience=rules.audiences,
                        leeway=LEEWAY_SECONDS,
                        options={"require": list(_REQUIRED)},
                    )
                except jwt.InvalidSignatureError:
                    continue  # without an id, another key may have signed it
    except jwt.ExpiredSignatureError:
        raise CredentialsExpired from None
    except (jwt.PyJWTError, ArithmeticError, RecursionError, TypeError, ValueError):
        pass  # what the caller has written is no token, in one way or another
    raise CredentialsInvalid


def _named_roles(claims: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield the provider's names of a caller's roles: a list, or words in one text."""
    found: Any = claims
    for part in [name] if name in claims else name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        yield from found.split()
    elif isinstance(found, list):
        yield from (each for each in found if isinstance(each, str))
