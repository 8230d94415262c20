"""A random sample of bounded size from rows that arrive in parts."""

import numpy as np

from housing_server.prediction_log.logged_requests import Floats


class Sample:
    """Keeps up to a number of rows, each added row with the same probability (Vitter, 1985, algorithm R)."""

    def __init__(self, size: int, columns: int) -> None:
        """Create an empty sample.

        Args:
            size: the most rows.
            columns: figures of a row.
        """
        self._kept = np.empty((size, columns))
        self._seen = 0
        self._rng = np.random.default_rng(0)

    def add(self, rows: Floats) -> None:
        """Add rows, shape (n, columns)."""
        size = len(self._kept)
        room = max(0, min(size - self._seen, len(rows)))
        self._kept[self._seen : self._seen + room] = rows[:room]
        later = rows[room:]
        if len(later):
            numbers = np.arange(self._seen + room, self._seen + len(rows))
            places = self._rng.integers(0, numbers + 1)
            chosen = places < size
            self._kept[places[chosen]] = later[chosen]
        self._seen += len(rows)

    def rows(self) -> Floats:
        """Return the rows kept, shape (m, columns)."""
        return self._kept[: min(self._seen, len(self._kept))]
