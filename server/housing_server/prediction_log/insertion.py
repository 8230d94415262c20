"""Inserts predictions, many by one statement: on SQLite that takes three quarters of the time of a statement for each.

The rows of a batch have a third of their values in common. A statement for many rows binds these once.
"""

from collections.abc import Sequence
from itertools import chain
from operator import itemgetter

from sqlalchemy import Connection

from housing.features import FEATURE_NAMES
from housing_server.prediction_log.records import COLUMNS, Record
from housing_server.prediction_log.tables import predictions

_TOGETHER = 100
"""Rows in one statement; with more, a row costs about as much."""

_START, _END = COLUMNS.index(FEATURE_NAMES[0]), COLUMNS.index("latency_seconds")
"""Positions of what differs from row to row. After the id, what is before and behind them is of the call."""
_SHARED, _OWN = len(COLUMNS) - 1 - (_END - _START), _END - _START
_id, _before, _own, _behind = map(itemgetter, (0, slice(1, _START), slice(_START, _END), slice(_END, None)))


def insert_records(connection: Connection, records: Sequence[Record]) -> int:
    """Insert records, except those that exist, and return the number of new ones.

    It bypasses SQLAlchemy's processing of each value, which takes longer than the database.
    """
    if connection.dialect.name == "postgresql":  # its driver sends many rows at a time
        return connection.exec_driver_sql(_POSTGRESQL, list(records)).rowcount
    together, single = _split(records)
    inserted = 0
    for statement, parameters in ((_MANY_ROWS, together), (_ONE_ROW, single)):
        if parameters:
            inserted += connection.exec_driver_sql(statement, parameters).rowcount
    return inserted


def _split(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Return the parameters of statements for many rows, and the records that are left."""
    together: list[Record] = []
    single: list[Record] = []
    for start in range(0, len(records), _TOGETHER):
        some = records[start : start + _TOGETHER]
        if len(some) == _TOGETHER and _are_of_one_call(some):
            ids, rows = map(_id, some), chain.from_iterable(map(_own, some))
            together.append((*_before(some[0]), *_behind(some[0]), *ids, *rows))
        else:
            single += some
    return together, single


def _are_of_one_call(records: Sequence[Record]) -> bool:
    # Where calls are mixed, the ends differ already.
    return all(
        part(records[-1]) == part(records[0]) and [*map(part, records)].count(part(records[0])) == len(records)
        for part in (_behind, _before)
    )


def _insertion(*rows: Sequence[str]) -> str:
    values = ", ".join(f"({', '.join(row)})" for row in rows)
    return f"INSERT INTO {predictions} ({', '.join(COLUMNS)}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608 - our own names


def _placeholders(row: int) -> list[str]:
    """Return the placeholders of one of many rows: the numbers are of what is shared, then all ids, then the rest."""
    own = _SHARED + _TOGETHER + row * _OWN
    before, behind = range(_START - 1), range(_START - 1, _SHARED)
    return [f"?{number + 1}" for number in (_SHARED + row, *before, *range(own, own + _OWN), *behind)]


_POSTGRESQL = _insertion(["%s"] * len(COLUMNS))
_ONE_ROW = _insertion(["?"] * len(COLUMNS))
_MANY_ROWS = _insertion(*map(_placeholders, range(_TOGETHER)))
