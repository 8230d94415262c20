"""The file of API keys: JSON, readable by its owner only, replaced as a whole."""

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from housing.roles import GRANTED
from housing_server.access.keys import NAME, ApiKey
from housing_server.errors import InvalidKeys

DEFAULT_NAME = "keys.json"
"""Name of the file in the state folder."""

_VERSION = 1
_OPEN_TO_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""A group may read: in Kubernetes a secret belongs to root and the pod's group."""
_PRIVATE = 0o600


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Read the keys of a file; none if there is no file.

    Raises:
        InvalidKeys: the file cannot be read, is open to other users, or is malformed.
    """
    return tuple(_key(path, each) for each in _read(path)["keys"])


def change_keys(path: Path, change: Callable[[Sequence[ApiKey], int], Sequence[ApiKey]]) -> None:
    """Replace the keys of a file, which is created when missing; changes at the same time wait for each other.

    Args:
        path: the file.
        change: receives the keys and the number of the next one, and returns the new keys.

    Raises:
        InvalidKeys: see `read_keys`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        content = _read(path)
        before = [_key(path, each) for each in content["keys"]]
        after = change(before, content["next"])
        following = max([content["next"], *(key.number + 1 for key in after)])
        _write(path, {"version": _VERSION, "next": following, "keys": [asdict(key) for key in after]})


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OPEN_TO_OTHERS:
                raise InvalidKeys(f"{path} is open to other users: run chmod 600 on it")
            content = json.load(file)
    except FileNotFoundError:
        return {"version": _VERSION, "next": 0, "keys": []}
    except (OSError, ValueError) as error:
        raise InvalidKeys(f"{path} cannot be read as a file of keys ({type(error).__name__})") from None
    if not isinstance(content, dict) or content.get("version") != _VERSION or not _has_keys(content):
        raise InvalidKeys(f"{path} is not a file of keys of this version")
    return content


def _has_keys(content: Mapping[str, Any]) -> bool:
    keys = content.get("keys")
    return (
        isinstance(keys, list) and all(isinstance(key, dict) for key in keys) and isinstance(content.get("next"), int)
    )


def _key(path: Path, fields: Any) -> ApiKey:
    try:
        key = ApiKey(**fields)
    except TypeError:
        raise InvalidKeys(f"{path} is not a file of keys of this version") from None
    if not _is_sound(key):
        raise InvalidKeys(f"{path}: the key {key.key_id} has an unknown role, a malformed name or a malformed field")
    return key


def _is_sound(key: ApiKey) -> bool:
    """Return whether all fields are what calls are compared with: another would fail each of them."""
    texts, counts = (key.key_id, key.name, key.role, key.digest), (key.calls_per_second, key.calls_per_day, key.number)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(count, int) for count in counts):
        return False
    expires = key.expires_at is None or isinstance(key.expires_at, int | float)
    return expires and key.role in GRANTED and NAME.fullmatch(key.name) is not None and key.digest.isascii()


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the file as a whole: a reader sees the old keys or the new ones."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with open(part, "w", encoding="utf-8", opener=_open_private) as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, _PRIVATE)
