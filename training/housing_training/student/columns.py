"""What the student reads of a row: logarithms of its figures and of their ratios, and what is known about its place.

A row's own figures are read as logarithms, so the logarithm of a ratio is a difference, and all of them are one matrix
product with the first layer of the network: see `StudentColumns.folded`. What is known about places is warped to be
spread evenly, and kept in a byte each. Distances to cities are left out: longitude and latitude say as much.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing_training.features.located import COLUMNS, COUNTS, RATIOS
from housing_training.features.rounding import legible
from housing_training.geography import neighbours
from housing_training.geography.places import FEATURES as PLACE_FEATURES
from housing_training.geography.places import in_parts
from housing_training.student.network import Single

TAIL = 0.0003
"""Share of the training rows beyond each end of a figure's range: figures beyond are read as its ends."""
LEAST = 1e-3
"""No figure is read as less than this."""
SHARE = 0.05
"""Share of the rows on each side of the middle spread of what is known about places."""
SPREADS = 3.29
"""How many standard deviations are between those shares in a normal distribution."""
FARTHEST = 4.0
"""Values farther from the middle, in spreads, are read as this far."""
LEAST_SPREAD = 0.05
"""Columns that hardly vary are not spread to more than this, or float32 would run out of digits."""
LEVELS = 31
"""Steps of a byte within a spread."""
OFFSET = 0.01
"""Added before a logarithm is taken."""
FIGURES = len(COUNTS)
"""Columns of a row's own figures."""
INCOME = COUNTS.index("median_income")
"""Column of the income among them."""

PLACE_NAMES = tuple(name for name in PLACE_FEATURES if name in {"coast_km", "bay_km"} or name in neighbours.NAMES)
"""What is read of `places.FEATURES`."""

_READ = [PLACE_FEATURES.index(name) for name in PLACE_NAMES]
_FIRST_PLACE = COLUMNS.index(PLACE_FEATURES[0])
_POSITION = [COLUMNS.index("longitude"), COLUMNS.index("latitude")]
_ROOTS = np.array([name.endswith("_km") and name != "neighbour_km" for name in PLACE_NAMES])
_LOGARITHMS = np.array(
    [
        name in {"outlier_factor", "neighbour_km", "neighbour_price_spread", "neighbour_median_income"}
        or "_per_" in name
        for name in PLACE_NAMES
    ]
)

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.int8]
Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """Columns less their middle, divided by their spread."""

    middle: Floats
    """Of each column, shape (columns,)."""
    spread: Floats
    """Of each column, shape (columns,)."""

    @classmethod
    def of(cls, columns: Floats) -> Self:
        """Learn means and standard deviations of columns, shape (n, columns)."""
        spread = np.maximum(columns.std(axis=0), LEAST_SPREAD)
        return cls(middle=legible(columns.mean(axis=0)), spread=legible(spread))

    @classmethod
    def robust(cls, columns: Floats) -> Self:
        """Learn medians, and spreads that few rows far away do not widen, of columns, shape (n, columns)."""
        low, middle, high = np.quantile(columns, [SHARE, 0.5, 1 - SHARE], axis=0)
        return cls(middle=legible(middle), spread=legible(np.maximum((high - low) / SPREADS, LEAST_SPREAD)))

    def __call__(self, columns: Floats) -> Floats:
        """Standardize columns, shape (n, columns)."""
        standard: Floats = (columns - self.middle) / self.spread
        return standard


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentColumns:
    """How rows are turned into what the student reads."""

    least: Single
    """Each of `COUNTS` is read as no less, shape (figures,)."""
    greatest: Single
    """Each of `COUNTS` is read as no more, shape (figures,)."""
    figures: Standard
    """Of the logarithms of `COUNTS`."""
    ratios: Standard
    """Of the logarithms of `RATIOS`."""
    places: Standard
    """Of `PLACE_NAMES`, warped."""
    positions: Standard
    """Of longitude and latitude in degrees, and of their sum and difference."""

    @classmethod
    def fit(cls, matrix: Matrix) -> Self:
        """Learn from training rows as the mixture reads them, shape (n, columns), each without its own price."""
        figures = matrix[:, :FIGURES].astype(np.float64)
        least, greatest = np.quantile(figures, [TAIL, 1 - TAIL], axis=0)
        least, greatest = (each.astype(np.float32) for each in (np.maximum(least, LEAST), greatest))
        logarithms = np.log(np.clip(figures, least, greatest))
        return cls(
            least=least,
            greatest=greatest,
            figures=Standard.of(logarithms),
            ratios=Standard.of(_ratios(logarithms)),
            places=Standard.robust(_warped(place_features_of(matrix))),
            positions=Standard.of(_diagonals(matrix[:, _POSITION].astype(np.float64))),
        )

    def read(self, matrix: Matrix) -> Single:
        """Convert rows as the mixture reads them, shape (n, columns), to what the student reads, float32."""
        return in_parts(self._read, matrix)

    def _read(self, matrix: Matrix) -> Single:
        return self.joined(
            self.logarithms(matrix[:, :FIGURES]),
            matrix[:, _POSITION].astype(np.float64),
            self.in_bytes(place_features_of(matrix)),
        )

    def joined(self, logarithms: Floats, positions: Floats, places: Bytes) -> Single:
        """Join what the student reads.

        Args:
            logarithms: of figures, shape (n, figures).
            positions: longitude and latitude in degrees, shape (n, 2).
            places: what `in_bytes` makes of places, shape (n, names).
        """
        standard = [self.figures(logarithms), self.ratios(_ratios(logarithms)), self.positions(_diagonals(positions))]
        return np.concatenate([*standard, places / LEVELS], axis=1).astype(np.float32)

    def logarithms(self, figures: Floats | Single) -> Floats:
        """Return the logarithms of `COUNTS` within their range, shape (n, figures)."""
        within: Floats = np.log(np.clip(figures.astype(np.float64), self.least, self.greatest))
        return within

    def incomes(self, incomes: Floats) -> Single:
        """Return what is read in column `INCOME` of incomes in tens of thousands of USD, of any shape."""
        within = np.log(np.clip(incomes, self.least[INCOME], self.greatest[INCOME]))
        read: Single = ((within - self.figures.middle[INCOME]) / self.figures.spread[INCOME]).astype(np.float32)
        return read

    def in_bytes(self, place_features: Floats) -> Bytes:
        """Return what is read of `places.FEATURES`, shape (n, features), as bytes, shape (n, names)."""
        standard = np.clip(self.places(_warped(place_features)), -FARTHEST, FARTHEST)
        return (standard * LEVELS).round().astype(np.int8)

    def folded(self, matrix: Single, offsets: Single) -> tuple[Floats, Floats]:
        """Fold the arithmetic before a first layer into it.

        Returns:
            A matrix that reads logarithms of figures, longitude, latitude and the bytes of places, and its offsets.
        """
        parts = np.split(matrix.astype(np.float64), np.cumsum([FIGURES, len(RATIOS), _DIAGONALS.shape[1]]))
        figures, ratios, positions = (
            part / standard.spread[:, None]
            for part, standard in zip(parts, (self.figures, self.ratios, self.positions), strict=False)
        )
        less = (self.figures.middle @ figures, self.ratios.middle @ ratios, self.positions.middle @ positions)
        joined = [figures + _RATIOS @ ratios, _DIAGONALS @ positions, parts[-1] / LEVELS]
        return np.concatenate(joined), offsets - sum(less)


def _differences() -> Floats:
    """Return the matrix that makes logarithms of ratios from those of figures, shape (figures, ratios)."""
    matrix = np.zeros((FIGURES, len(RATIOS)))
    for column, (above, below) in enumerate(RATIOS):
        matrix[COUNTS.index(above), column], matrix[COUNTS.index(below), column] = 1, -1
    return matrix


_RATIOS = _differences()
_DIAGONALS = np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, -1.0]])
"""Makes longitude, latitude, their sum and their difference of the first two."""


def _ratios(logarithms: Floats) -> Floats:
    ratios: Floats = logarithms @ _RATIOS
    return ratios


def _diagonals(positions: Floats) -> Floats:
    diagonals: Floats = positions @ _DIAGONALS
    return diagonals


def place_features_of(matrix: Matrix) -> Floats:
    """Return `places.FEATURES` of rows as the mixture reads them."""
    return matrix[:, _FIRST_PLACE : _FIRST_PLACE + len(PLACE_FEATURES)].astype(np.float64)


def _warped(place_features: Floats) -> Floats:
    """Return `PLACE_NAMES` of `places.FEATURES`, spread evenly: roots of distances, logarithms of what is positive."""
    warped = place_features[:, _READ]
    warped[:, _ROOTS] = np.sqrt(warped[:, _ROOTS])
    warped[:, _LOGARITHMS] = np.log(warped[:, _LOGARITHMS] + OFFSET)
    return warped
