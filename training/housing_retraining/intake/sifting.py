"""Adding the rows of a file to the table: which are new, and whether the file as a whole is plausible."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from housing_retraining.data_versions.row_table import COLUMNS, PRICE, Arrivals
from housing_retraining.errors import FileRefused
from housing_retraining.intake.checking import check
from housing_retraining.intake.reading import Flaw, Piece
from housing_retraining.intake.report import FLAWS_LISTED

MINIMUM_ROWS = 20
"""With fewer rows, a file as a whole is not judged."""
_SHARES = (0.005, 0.995)
"""The median of a plausible file lies between these quantiles of the known rows; otherwise its units differ."""
_UNITS = {
    "median_income": "tens of thousands of USD",
    PRICE: "USD",
    "total_rooms": "rooms of the block group, not of a household",
    "population": "people of the block group, not of a household",
}
"""Columns that are often in other units, and the expected unit of each."""
_RATIOS_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on files."""

    max_rows: int
    """The most rows of the whole table."""
    bad_share: float
    """The largest share of invalid rows in a file."""


@dataclass(slots=True)
class Sifted:
    """The counts of a file so far."""

    rows: int = 0
    """Rows read."""
    new: int = 0
    """Rows added."""
    known: int = 0
    """Rows that were in the table already, or twice in the file."""
    contradicting: int = 0
    """Rows with another price than the one on record."""
    bad: int = 0
    """Invalid rows."""
    flaws: list[Flaw] = field(default_factory=list)
    """The first flaws."""
    ratios: list[float] = field(default_factory=list)
    """Price divided by the price on record, for some of the contradicting rows."""

    def count_bad(self, flaws: Iterable[Flaw]) -> None:
        """Count invalid rows, and list the first."""
        for flaw in flaws:
            self.bad += 1
            self._list(flaw)

    def contradict(self, row: int, price: float, on_record: float) -> None:
        """Count a row with another price than the one on record."""
        self.contradicting += 1
        if len(self.ratios) < _RATIOS_KEPT:
            self.ratios.append(price / on_record)
        self._list(Flaw(row=row, reason=f"{PRICE} = {price:g}: the same block group is on record with {on_record:g}"))

    def _list(self, flaw: Flaw) -> None:
        if len(self.flaws) < FLAWS_LISTED:
            self.flaws.append(flaw)


def sift(pieces: Iterable[Piece], arrivals: Arrivals, limits: Limits, sifted: Sifted) -> None:
    """Add the good and new rows of a file to the table.

    Args:
        pieces: its rows.
        arrivals: where new rows go.
        limits: limits on the file and the table.
        sifted: updated with the counts, also if the file is refused.

    Raises:
        FileRefused: the whole file is rejected.
    """
    room = limits.max_rows - arrivals.count()
    for piece in pieces:
        sifted.rows += len(piece.table) + len(piece.flaws)
        good, flaws = check(piece.table)
        sifted.count_bad(sorted([*piece.flaws, *flaws], key=lambda flaw: flaw.row))
        _take(good, arrivals, sifted)
        if sifted.new > room:
            raise FileRefused(f"the table would have more than {limits.max_rows:,} rows (HOUSING_RETRAINING_MAX_ROWS)")
        if sifted.rows > limits.max_rows:  # of copies and invalid rows, too: reading must end
            raise FileRefused(f"it has more than {limits.max_rows:,} rows (HOUSING_RETRAINING_MAX_ROWS)")
    _judge(sifted, limits)
    _check_units(arrivals, sifted)


def _take(good: pd.DataFrame, arrivals: Arrivals, sifted: Sifted) -> None:
    cells = good[list(COLUMNS)].astype(object).where(good[list(COLUMNS)].notna(), None)
    for row, values in zip(good.index.tolist(), cells.to_dict("records"), strict=True):
        named: dict[str, Any] = {str(name): value for name, value in values.items()}
        found = arrivals.add(named)
        if found == "new":
            sifted.new += 1
        elif found == "known":
            sifted.known += 1
        else:
            sifted.contradict(row, named[PRICE], arrivals.known_price(named))


def _judge(sifted: Sifted, limits: Limits) -> None:
    if sifted.rows == 0:
        raise FileRefused("it has no rows")
    if sifted.bad > limits.bad_share * sifted.rows:
        raise FileRefused(f"{sifted.bad:,} of {sifted.rows:,} rows cannot be used; the first reasons are listed by row")
    if sifted.rows >= MINIMUM_ROWS and sifted.contradicting > limits.bad_share * sifted.rows:
        raise FileRefused(
            f"{sifted.contradicting:,} of {sifted.rows:,} rows give another price for a block group on record, in the "
            f"middle {statistics.median(sifted.ratios):.3g} times that price"
        )


def _check_units(arrivals: Arrivals, sifted: Sifted) -> None:
    """Refuse a file with a median beyond nearly all known values: its units are probably different."""
    if sifted.new < MINIMUM_ROWS:
        return
    for column, unit in _UNITS.items():
        known = arrivals.quantiles(column, _SHARES, arrived=False)
        (middle,) = arrivals.quantiles(column, (0.5,), arrived=True)
        if known and not known[0] <= middle <= known[1]:
            raise FileRefused(
                f"{column} is {middle:g} in the middle, and {known[0]:g} to {known[1]:g} in nearly all known rows: is "
                f"it in other units? {unit[:1].upper()}{unit[1:]} are expected"
            )
