"""The leases that let one process retrain, and one change the champion, at a time, on whichever machine.

Each is one row of the store, held until a time that its holder moves on as long as it lives. Where machines share a
store that is PostgreSQL, and its clock is the one that counts. A holder on this machine whose process is gone has lost
the lease at once: nobody waits for the end of its time.
"""

import os
import socket
from collections.abc import Callable
from typing import Self

import psutil
from sqlalchemy import Connection, select, text, update

from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_tables import retraining_lease
from housing_server.prediction_log.store import PredictionStore

RETRAINING = 1
"""The row of the lease to retrain."""
CHAMPION = 2
"""The row of the lease to change the champion."""

_CLOCK = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")


class Lease:
    """One process's claim to the lease. Methods raise PredictionLogUnavailable when the store does not respond."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        store: PredictionStore,
        holder: str,
        *,
        seconds: float,
        row: int = RETRAINING,
        now: Callable[[], int] = now_us,
        is_gone: Callable[[str], bool] | None = None,
    ) -> None:
        """Claim nothing yet.

        Args:
            store: where the lease is.
            holder: who claims it, such as `this_process()`.
            seconds: how long it is held without being renewed.
            row: which lease it is.
            now: the time, in microseconds since the epoch, of a store that only this machine uses.
            is_gone: whether a holder is known to have ended; by default, processes of this machine are looked up.
        """
        self._store, self._holder = store, holder
        self._key = retraining_lease.c.id == row
        self._length_us = int(seconds * 1_000_000)
        self._now = now
        self._is_gone = is_gone or has_ended

    def acquire(self) -> bool:
        """Acquire the lease if it is free, and return whether this process holds it now."""
        with self._store.writing() as connection:
            now = self._time(connection)
            found = connection.execute(select(retraining_lease).where(self._key)).one()
            if found.holder not in ("", self._holder) and found.expires_at_us > now and not self._is_gone(found.holder):
                return False
            # Who has changed it in the meantime has got it.
            unchanged = (
                retraining_lease.c.holder == found.holder,
                retraining_lease.c.expires_at_us == found.expires_at_us,
            )
            taken = update(retraining_lease).where(self._key, *unchanged)
            values = {"holder": self._holder, "expires_at_us": now + self._length_us}
            return connection.execute(taken.values(**values)).rowcount == 1

    def renew(self) -> bool:
        """Hold it for as long again; return False when another process has got it since."""
        with self._store.writing() as connection:
            expires = self._time(connection) + self._length_us
            renewed = update(retraining_lease).where(self._key, retraining_lease.c.holder == self._holder)
            return connection.execute(renewed.values(expires_at_us=expires)).rowcount == 1

    def release(self) -> None:
        """Let others have it."""
        with self._store.writing() as connection:
            released = update(retraining_lease).where(self._key, retraining_lease.c.holder == self._holder)
            connection.execute(released.values(holder="", expires_at_us=0))

    def holder(self) -> str | None:
        """Return who holds it now; None for nobody."""
        with self._store.reading() as connection:
            found = connection.execute(select(retraining_lease).where(self._key)).one()
            held = found.holder and found.expires_at_us > self._time(connection) and not self._is_gone(found.holder)
            return found.holder if held else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _time(self, connection: Connection) -> int:
        if connection.dialect.name == "postgresql":
            return int(connection.execute(_CLOCK).scalar_one())
        return self._now()


def this_process() -> str:
    """Name this process so that no other is ever called the same: machine, number, and when it was started."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def has_ended(holder: str) -> bool:
    """Return whether a process of this machine has ended; of others nothing is known, and it counts as running."""
    host, _, process = holder.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        return f"{psutil.Process(int(process)).create_time():.2f}" != holder.rpartition(":")[2]
    except (psutil.NoSuchProcess, ValueError):
        return True
