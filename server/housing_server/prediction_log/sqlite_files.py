"""SQLite's files: readable by their owner only, and reopened when somebody replaces them.

A connection to a SQLite file that was deleted, moved or replaced continues to work, on a file that nobody else will
open. So the path is checked whenever a connection is checked out.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from housing_server.prediction_log.journal import PRIVATE_FILE

_COMPANIONS = ("-wal", "-shm")
_OTHERS = 0o007
"""The permission bits of other users."""
_FILES = "files"

_Identity = tuple[int, int] | None
"""Device and inode of a file; None when there is none."""


def follow_file(engine: Engine, path: Path) -> None:
    """Keep an engine on the file at a path, by a check at every checkout of a connection."""
    files = _SqliteFiles(path)
    files.make_private()
    event.listen(engine, "do_connect", files.before_connecting)
    event.listen(engine, "connect", files.connected)
    event.listen(engine, "checkout", files.checked_out)


class _SqliteFiles:
    """A database file and its companions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._companions = [Path(f"{path}{suffix}") for suffix in _COMPANIONS]

    def make_private(self) -> None:
        """Remove the permissions of other users from existing files; SQLite copies the rights to new companions."""
        for path in (self._path, *self._companions):
            with suppress(OSError):
                path.chmod(path.stat().st_mode & ~_OTHERS)

    def before_connecting(self, _dialect: object, record: Any, _arguments: object, _keywords: object) -> None:
        """Create a missing file, and record its identity before connecting: a later file must not pass for it."""
        with suppress(OSError):  # SQLite then reports that it cannot open the file
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))
        record.info[_FILES] = [_identity(self._path)]

    def connected(self, connection: sqlite3.Connection, record: Any) -> None:
        """Record the identity of the companions."""
        connection.execute("SELECT count(*) FROM sqlite_master")  # which opens them
        record.info[_FILES] += map(_identity, self._companions)

    def checked_out(self, connection: sqlite3.Connection, record: Any, _proxy: object) -> None:
        """Check that a connection's file is still the one at the path.

        Raises:
            DisconnectionError: another file is there, or none; SQLAlchemy then reconnects.
        """
        identity, *companions = record.info[_FILES]
        if _identity(self._path) != identity:
            self._leave(connection, companions)
            raise DisconnectionError(f"{self._path} is another file")

    def _leave(self, connection: sqlite3.Connection, companions: Sequence[_Identity]) -> None:
        """Checkpoint the old file, wherever it is now, and remove companions that are not the new file's.

        Otherwise SQLite would replay the old file's log into the new one.
        """
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        for path, identity in zip(self._companions, companions, strict=True):
            if identity is not None and _identity(path) == identity:
                with suppress(OSError):
                    path.unlink()


def _identity(path: Path) -> _Identity:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
