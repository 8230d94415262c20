"""Calls per key, counted across processes: each writes a file of its own, and reads those of the others.

A file has a row of numbers for each key. It has one writer, so no lock is needed; a reader may be a moment behind. It
stays in the state folder, so that a quota outlives a restart.
"""

import math
import mmap
import os
from collections.abc import Callable
from pathlib import Path

from housing_server.access.keys import ApiKey
from housing_server.errors import QuotaExceeded, RateExceeded

_ROWS = 4096
"""Keys whose numbers differ by a multiple of this share a row, and so their limits."""
_SECOND, _COUNT, _BEFORE, _DAY, _TODAY = range(5)
_COLUMNS = 8
_BYTES = _ROWS * _COLUMNS * 8
_DAY_SECONDS = 86_400
_SUFFIX = ".usage"


class Usage:
    """The counts of one process, and those of the others."""

    def __init__(self, folder: Path, process: str, now: Callable[[], float]) -> None:
        """Open the counts, creating them when missing.

        Args:
            folder: folder of the counts of all processes.
            process: name of this process.
            now: returns the time in seconds since 1970.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._now = now
        self._name = f"{process}{_SUFFIX}"
        self._own = _open(folder / self._name)
        self._others: dict[str, memoryview] = {}
        self.look_around()

    def look_around(self) -> None:
        """Open the counts of processes that have started since."""
        names = {path.name for path in self._folder.glob(f"*{_SUFFIX}")} - {self._name}
        self._others = {name: self._others.get(name) or _open(self._folder / name) for name in names}

    def count(self, key: ApiKey) -> None:
        """Count a call of a key.

        Raises:
            RateExceeded: the key has used up its calls of this second.
            QuotaExceeded: it has used up those of this day.
        """
        now = self._now()
        second, day, start = int(now), int(now // _DAY_SECONDS), key.number % _ROWS * _COLUMNS
        tables = (self._own, *self._others.values())
        if key.calls_per_day and sum(_today(table, start, day) for table in tables) >= key.calls_per_day:
            raise QuotaExceeded((day + 1) * _DAY_SECONDS - now)
        if key.calls_per_second and sum(_rate(table, start, now) for table in tables) > key.calls_per_second - 1:
            raise RateExceeded(1.0 / key.calls_per_second)
        _add(self._own, start, second, day)


def _open(path: Path) -> memoryview:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(file, _BYTES)
        return memoryview(mmap.mmap(file, _BYTES)).cast("Q")
    finally:
        os.close(file)


def _add(table: memoryview, start: int, second: int, day: int) -> None:
    last = table[start + _SECOND]
    if last != second:
        table[start + _BEFORE] = table[start + _COUNT] if last == second - 1 else 0
        table[start + _COUNT] = 0
        table[start + _SECOND] = second
    if table[start + _DAY] != day:
        table[start + _TODAY] = 0
        table[start + _DAY] = day
    table[start + _COUNT] += 1
    table[start + _TODAY] += 1


def _today(table: memoryview, start: int, day: int) -> int:
    return table[start + _TODAY] if table[start + _DAY] == day else 0


def _rate(table: memoryview, start: int, now: float) -> float:
    """Return the calls of the second that ends now: those of the last whole second count by the part that overlaps."""
    part, second = math.modf(now)
    last = table[start + _SECOND]
    if last == second:
        return table[start + _COUNT] + (1 - part) * table[start + _BEFORE]
    return (1 - part) * table[start + _COUNT] if last == second - 1 else 0.0
