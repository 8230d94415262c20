"""All rows for training, in a SQLite file: the initial ones, and those added since.

A row is *pending* until a retraining has tried it, and *used* once a model trained on it was promoted. Rows of a
candidate that was merely not good enough are *tried*, and are part of later tables as well; those of a candidate that
was worse on known rows are *set aside*: they would make every later one worse. Whether a row is held out of training is
decided once, when a retraining first uses it, and never changes: no model is trained on a row that another one is
tested on.
"""

import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from housing.features import FEATURE_NAMES
from housing_retraining.data_versions.places import KEY_FIELDS, place_key, same_price

ROWS = "rows.db"
"""The name of the file, in the folder of retrainings."""
TABLE = "table"
"""The trigger's figure that names the table with the rows that made it fire."""
PRICE = "median_house_value"
"""The column of the true price, in USD."""
COLUMNS = (*FEATURE_NAMES, PRICE)
"""The columns of a table to train on, in order."""

State = Literal["base", "pending", "tried", "used", "set_aside"]
Arrival = Literal["new", "known", "contradicts"]
"""What an added row is: new, a copy of a known one, or another price for a known block group."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER PRIMARY KEY,
    place BLOB NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    held_out INTEGER,
    {", ".join(f"{name} TEXT" if name == "ocean_proximity" else f"{name} REAL" for name in COLUMNS)}
);
CREATE TABLE IF NOT EXISTS identity (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS rows_by_place ON rows (place);
CREATE INDEX IF NOT EXISTS rows_by_source ON rows (source);
CREATE INDEX IF NOT EXISTS rows_by_state ON rows (state);
"""

_PATIENCE_SECONDS = 600.0
"""How long a process waits for another one that adds a large file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """A row of the table."""

    number: int
    """Its number; later rows have higher numbers."""
    new: bool
    """Whether no promoted model was trained on it."""
    values: tuple[Any, ...]
    """The values of `COLUMNS`; None for missing ones."""
    held_out: bool | None
    """Whether it is held out of training; None before that is decided."""


class RowTable:
    """The rows in a file, which is created when it is missing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with self._connection() as connection:
            connection.executescript(_SCHEMA)

    def identity(self) -> str:
        """Return the name of this table, which is unique across machines."""
        with self._connection() as connection:
            connection.execute("INSERT OR IGNORE INTO identity (id, name) VALUES (1, ?)", (str(uuid.uuid4()),))
            return str(connection.execute("SELECT name FROM identity").fetchone()[0])

    @contextmanager
    def arriving(self, source: str, state: State = "pending") -> Iterator["Arrivals"]:
        """Add rows from a source in one transaction; an error within the block rolls all of them back.

        Args:
            source: where the rows come from.
            state: their state.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Arrivals(connection, source, state)
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def count(self, *states: State) -> int:
        """Count the rows in these states; without any, all rows."""
        chosen = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        with self._connection() as connection:
            return int(connection.execute(f"SELECT count(*) FROM rows {chosen}", states).fetchone()[0])  # noqa: S608

    def sources(self, state: State) -> dict[str, int]:
        """Count the rows in a state by source."""
        query = "SELECT source, count(*) FROM rows WHERE state = ? GROUP BY source ORDER BY min(number)"
        with self._connection() as connection:
            return dict(connection.execute(query, (state,)).fetchall())

    def learnable(self) -> list[StoredRow]:
        """Return all rows except those set aside, in the order of their arrival."""
        names = ", ".join(COLUMNS)
        query = f"SELECT number, state, held_out, {names} FROM rows WHERE state <> 'set_aside' ORDER BY number"  # noqa: S608
        with self._connection() as connection:
            found = connection.execute(query).fetchall()
        return [
            StoredRow(
                number=number,
                new=state in {"pending", "tried"},
                held_out=None if held is None else bool(held),
                values=tuple(values),
            )
            for number, state, held, *values in found
        ]

    def decide(self, held_out: Mapping[int, bool]) -> None:
        """Keep for good which rows, by number, are held out of training."""
        with self._connection() as connection:
            connection.executemany(
                "UPDATE rows SET held_out = ? WHERE number = ? AND held_out IS NULL",
                [(int(held), number) for number, held in held_out.items()],
            )
            connection.commit()

    def settle(self, state: State, *, up_to: int) -> None:
        """Change the state of new rows up to a number; later ones were not part of the retraining."""
        new = "state IN ('pending', 'tried')"
        with self._connection() as connection:
            connection.execute(f"UPDATE rows SET state = ? WHERE {new} AND number <= ?", (state, up_to))  # noqa: S608
            connection.commit()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_PATIENCE_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            yield connection


class Arrivals:
    """Rows added within a transaction, and queries that include them."""

    def __init__(self, connection: sqlite3.Connection, source: str, state: State) -> None:
        self._connection = connection
        self._source, self._state = source, state
        marks = ", ".join("?" * (4 + len(COLUMNS)))
        self._insert = f"INSERT INTO rows (place, source, state, held_out, {', '.join(COLUMNS)}) VALUES ({marks})"  # noqa: S608

    def add(self, values: Mapping[str, Any], *, held_out: bool | None = None) -> Arrival:
        """Add a row, with values by column, if it is new; return what it is."""
        key = place_key(values[name] for name in KEY_FIELDS)
        known = self._connection.execute(f"SELECT {PRICE} FROM rows WHERE place = ?", (key,)).fetchall()  # noqa: S608
        if known:
            return "known" if any(same_price(price, values[PRICE]) for (price,) in known) else "contradicts"
        self.keep(values, held_out=held_out)
        return "new"

    def keep(self, values: Mapping[str, Any], *, held_out: bool | None = None) -> None:
        """Add a row, even if it is a copy."""
        key = place_key(values[name] for name in KEY_FIELDS)
        cells = [values[name] for name in COLUMNS]
        self._connection.execute(self._insert, (key, self._source, self._state, held_out, *cells))

    def known_price(self, values: Mapping[str, Any]) -> float:
        """Return the price on record for a row's block group, in USD."""
        key = place_key(values[name] for name in KEY_FIELDS)
        found = self._connection.execute(f"SELECT {PRICE} FROM rows WHERE place = ? LIMIT 1", (key,))  # noqa: S608
        return float(found.fetchone()[0])

    def count(self) -> int:
        """Count all rows of the table, including the added ones."""
        return int(self._connection.execute("SELECT count(*) FROM rows").fetchone()[0])

    def quantiles(self, column: str, shares: Sequence[float], *, arrived: bool) -> list[float]:
        """Return quantiles of a column over the added rows or over all others; empty without rows.

        Args:
            column: one of `COLUMNS`.
            shares: probabilities, from 0 to 1.
            arrived: whether over the added rows.
        """
        which = f"FROM rows WHERE source {'=' if arrived else '<>'} ? AND {column} IS NOT NULL"
        count = self._connection.execute(f"SELECT count(*) {which}", (self._source,)).fetchone()[0]
        query = f"SELECT {column} {which} ORDER BY {column} LIMIT 1 OFFSET ?"
        places = [round(share * (count - 1)) for share in shares] if count else []
        return [float(self._connection.execute(query, (self._source, place)).fetchone()[0]) for place in places]
