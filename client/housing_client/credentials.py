"""The API key by which a client shows who calls."""

import os
from pathlib import Path

KEY_VARIABLE = "HOUSING_API_KEY"
"""The key itself; with `_FILE` appended, a file that holds it."""
Metadata = tuple[tuple[str, str], ...]


def key_metadata(api_key: str | None, channel: object) -> Metadata:
    """Return the metadata that every call brings.

    Args:
        api_key: the key; None for that of the environment, unless the channel is the caller's own.
        channel: the caller's own channel; None without one.

    Raises:
        ValueError: the key has characters that metadata cannot have.
        OSError: the file of the key cannot be read.
    """
    key = api_key if api_key is not None or channel is not None else _key_of_environment()
    if not key:
        return ()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("an API key is a line of ASCII characters")
    return (("authorization", f"Bearer {key}"),)


def _key_of_environment() -> str | None:
    key = os.environ.get(KEY_VARIABLE)
    path = os.environ.get(f"{KEY_VARIABLE}_FILE")
    return (key or "").strip() or (Path(path).read_text("utf-8").strip() if path else None)
