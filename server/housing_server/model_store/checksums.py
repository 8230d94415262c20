"""Checksums of a folder's files."""

import hashlib
import hmac
from pathlib import Path

FILE = "SHA256SUMS"
"""The digest of each file, in the form that `sha256sum --check` reads."""


def write_checksums(folder: Path) -> None:
    """Record the digest of each file in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{_digest(path)}  {path.relative_to(folder)}\n" for path in files]
    (folder / FILE).write_text("".join(lines), encoding="utf-8")


def is_whole(folder: Path) -> bool:
    """Return whether all files are present and unchanged; added files are ignored."""
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
        entries = [line.split("  ", 1) for line in lines]
        return bool(entries) and all(_digest(folder / name) == digest for digest, name in entries)
    except (OSError, ValueError):  # a file is missing, or the checksums are malformed
        return False


def is_complete(folder: Path) -> bool:
    """Return whether all files are present, without reading them."""
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return False
    return bool(lines) and all((folder / line.split("  ", 1)[-1]).exists() for line in lines)


def has_digest(path: Path, digest: str) -> bool:
    """Return whether a file is there and has this SHA-256, in hexadecimal."""
    try:
        return hmac.compare_digest(_digest(path), digest)
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
