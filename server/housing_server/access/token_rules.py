"""What a token of an OpenID provider must say to be accepted: settings, without the library that checks it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from housing_server.errors import InvalidKeys, InvalidSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Which JSON Web Tokens are accepted, and the roles that they grant."""

    keys_file: str
    """Path of the provider's public keys: a JSON Web Key Set."""
    issuer: str
    """The claim `iss` of each token."""
    audiences: Sequence[str]
    """One of these must be in the claim `aud`."""
    role_claim: str
    """The claim with the caller's roles: a name, or names with dots between for a claim within others."""
    roles: Mapping[str, str]
    """The role of this service by the provider's name of it."""

    def check(self) -> None:
        """Check that nothing is missing.

        Raises:
            InvalidSettings: no issuer or no audience is set, or the file has no public keys.
        """
        if not self.issuer or not self.audiences:
            raise InvalidSettings("HOUSING_TOKEN_JWKS: set HOUSING_TOKEN_ISSUER and HOUSING_TOKEN_AUDIENCES, too")
        try:
            read_key_set(Path(self.keys_file))
        except InvalidKeys as error:
            raise InvalidSettings(f"HOUSING_TOKEN_JWKS: {error}") from None


def read_key_set(path: Path) -> Sequence[Mapping[str, Any]]:
    """Read a JSON Web Key Set; return its keys for signatures.

    Raises:
        InvalidKeys: the file cannot be read, is malformed, or has secret keys.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidKeys(f"{path} cannot be read as a JSON Web Key Set ({type(error).__name__})") from None
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise InvalidKeys(f"{path} is not a JSON Web Key Set with at least one key")
    if any("d" in key or key.get("kty") == "oct" for key in keys):
        raise InvalidKeys(f"{path} has a secret key: it must have the provider's public keys only")
    return [key for key in keys if key.get("use", "sig") == "sig"]
