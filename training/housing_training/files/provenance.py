"""Where a model came from: which data, which code."""

import hashlib
import os
import subprocess
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_commit() -> str:
    """Return the commit of the code: the checkout's, or what `GIT_COMMIT` says where there is none; else empty."""
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("GIT_COMMIT", "")
    return result.stdout.strip()
