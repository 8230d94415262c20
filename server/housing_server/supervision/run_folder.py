"""The folder of one run of the service: sockets between its processes, and the files of their metrics.

It is in the state folder, which nothing cleans automatically. Where that cannot hold sockets, because its path is too
long for socket addresses or its file system does not support them, it is a temporary folder.
"""

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_ADDRESS_BYTES = 100
"""A little less than the limit for the path of a socket: 104 bytes on macOS, 108 on Linux."""

_LONGEST_NAME = "explainer.sock"
_LOCK = "lock"


@contextmanager
def run_folder(state_dir: Path) -> Iterator[Path]:
    """Create the folder of this run, and remove those of runs that were killed; yield its absolute path.

    The folder is removed at the end of the block.
    """
    parent = (state_dir / "run").absolute()
    with suppress(OSError):
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
    home = str(parent) if _holds_sockets(parent) else gettempdir()
    with TemporaryDirectory(prefix="housing-", dir=home, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        with _locked(folder):
            yield folder


def _holds_sockets(parent: Path) -> bool:
    path = parent / "housing-00000000" / _LONGEST_NAME
    if len(os.fsencode(path)) > _ADDRESS_BYTES:
        return False
    probe = parent / f"probe-{os.getpid()}"
    try:
        with socket.socket(socket.AF_UNIX) as tried:
            tried.bind(str(probe))
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock that marks a folder as in use: the system releases it however this process ends."""
    with (folder / _LOCK).open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob("housing-*"):
        if not _is_in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_in_use(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("r", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:  # another service is just creating or removing it
        return True
    except OSError:
        return True
    return False
