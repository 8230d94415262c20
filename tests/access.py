"""Credentials for tests: keys in a file, made as `housing keys create` makes them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from housing_server.access.key_file import change_keys
from housing_server.access.keys import ApiKey, new_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """A file of keys, and the texts of the keys in it by name."""

    path: Path
    """The file."""
    texts: Mapping[str, str]
    """What callers send, by the name of the key."""

    def revoke(self, name: str) -> None:
        """Revoke a key."""
        change_keys(self.path, lambda known, _number: [key for key in known if key.name != name])


_ROLES = {
    "predict": "predict",
    "operate": "operate",
    "admin": "admin",
    "expired": "admin",
    "revoked": "admin",
    "doomed": "admin",
}
"""The role of each key by its name."""


def make_keys(path: Path) -> Keys:
    """Create a key of each role, named for it, and three for admins: `expired`, `revoked`, and `doomed` to be so."""
    now = time.time()
    secrets = {name: new_secret() for name in _ROLES}
    made = [
        ApiKey(
            key_id=secrets[name].key_id,
            name=name,
            role=role,
            digest=secrets[name].digest,
            created_at=now - 10,
            expires_at=now - 1 if name == "expired" else None,
            number=number,
        )
        for number, (name, role) in enumerate(_ROLES.items())
    ]
    change_keys(path, lambda _known, _number: made)
    keys = Keys(path=path, texts={name: secret.text for name, secret in secrets.items()})
    keys.revoke("revoked")
    return keys
