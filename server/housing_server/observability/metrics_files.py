"""The files through which processes expose their metrics to the supervisor."""

from struct import Struct
from threading import Lock
from typing import Any

from prometheus_client import values

_pack = Struct("dd").pack  # as the library stores a value and its time


def count_as(name: str) -> None:
    """Continue the metrics of the process that had this name before.

    By default each process id has files of its own: those of dead processes would pile up, and deleting them would
    reset counters. Must be called before metrics are created.
    """
    # MultiProcessValue has no annotations, though this use of it is documented.
    library: Any = values.MultiProcessValue(process_identifier=lambda: name)  # type: ignore[no-untyped-call]
    lock = Lock()

    class Value(library):  # type: ignore[misc]  # see above
        """A value in a file, counted at a third of the library's cost: the file stays that of this process."""

        def inc(self, amount: float) -> None:
            """Add to the value."""
            with lock:
                self._value += amount
                position = self._file._positions[self._key]  # pylint: disable=protected-access  # as the library does
                self._file._m[position : position + 16] = _pack(self._value, 0.0)  # pylint: disable=protected-access

    values.ValueClass = Value
