"""Synthetic rows: block groups that do not exist, which the teacher prices for the student.

They are drawn where requests may come from: near known block groups, anywhere in the table of places, from its coarse
blocks where nothing is known, from places shown as if all around them were unknown, and with one or two figures far
out. Some lack their bedrooms. Figures are those of known block groups, often of neighbours, a little changed.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from housing.features import FEATURES
from housing_training.data.rows import COUNTED, FIGURES, PLACE, Rows, column, columns
from housing_training.experts.experts import Experts, Floats, Matrix, draw_holes
from housing_training.features.located import COUNTS, OWN, matrix, own_features
from housing_training.geography.grid import corners
from housing_training.geography.landmarks import KM_PER_DEGREE, LONGITUDE_SCALE
from housing_training.geography.neighbours import plane
from housing_training.geography.places import FEATURES as PLACE_FEATURES
from housing_training.geography.places import PlaceTable, geography, in_parts, rounded
from housing_training.params.schema import HoleParams
from housing_training.student.columns import place_features_of

NEAR, ANYWHERE, COARSE, HOLES, EXTREME = 0.42, 0.10, 0.20, 0.20, 0.08
"""Shares of the rows."""
AT_HOME = 0.35
"""Share of the rows near known ones that lie at the very place."""
USUAL_KM, WIDER = 2.0, 1.0
"""Median distance of the others, and the standard deviation of its logarithm."""
OF_NEIGHBOURS = 0.5
"""Share of the rows whose figures are those of one of the nearest block groups, instead of the one at hand."""
NEIGHBOURS = 20
"""How many are the nearest."""
DRAWS = 2
"""How often radii are drawn anew for the rows that are shown as if all around were unknown."""
YEARS, SIZE, CHANGE = 2.0, 0.15, 0.05
"""Standard deviations: of the age in years, and of the logarithms of all counts together and of each figure."""
WITHOUT_BEDROOMS = 0.12
"""Share of the rows whose bedrooms are those that stand in for missing ones."""
OF_BEDROOMS = [number for number, name in enumerate(OWN) if "total_bedrooms" in name]
"""Columns that are computed from the bedrooms."""
BUT_AGE = columns("total_rooms", "median_income")
"""Columns of a row's figures but the age."""
SECOND = 0.3
"""Share of the extreme rows with a second figure far out."""
KEEPS_OFF_KM = 5.0
"""Coarse blocks are drawn half evenly and half by how near data are, no nearer than this."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticRows:
    """Draws rows around those that a mixture of experts was fitted on."""

    experts: Experts
    """The mixture."""
    rows: Rows
    """The rows it was fitted on, shape (n, 9)."""
    table: PlaceTable
    """What is known about places."""
    holes: HoleParams
    """How radii are drawn."""

    def draw(self, count: int, seed: int) -> tuple[Matrix, Matrix]:
        """Draw rows, as the mixture reads them.

        Returns:
            The rows, shape (about count, columns), and the same as they are shown to the student: some lack bedrooms,
            so that it learns what such rows cost, not what the mixture makes of them.
        """
        rng = np.random.default_rng(seed)
        nearest = self.experts.neighbourhood.tree.query(self.experts.neighbourhood.tree.data, k=NEIGHBOURS)[1]
        near, far_out = (self._near(round(share * count), nearest, rng) for share in (NEAR, EXTREME))
        elsewhere = self._elsewhere(round(ANYWHERE * count), round(COARSE * count), rng)
        located = self._located(np.concatenate([near, elsewhere]))
        holes = self._holes(round(HOLES * count), nearest, rng, seed)
        usual, extreme = np.concatenate([located, holes]), self._located(_stretched(far_out, self.rows, rng))
        shown = self._without_bedrooms(usual, rng)
        return np.concatenate([usual, extreme]), np.concatenate([shown, extreme])

    def _near(self, count: int, nearest: Indices, rng: np.random.Generator) -> Rows:
        """Draw rows near known ones: raw, shape (count, 9)."""
        at = rng.integers(0, len(self.rows), count)
        km = np.where(rng.random(count) < AT_HOME, 0, np.exp(rng.normal(np.log(USUAL_KM), WIDER, count)))
        angle = rng.uniform(0, 2 * np.pi, count)
        step = np.column_stack([np.cos(angle) / LONGITUDE_SCALE, np.sin(angle)]) * (km / KM_PER_DEGREE)[:, None]
        drawn = _changed(self.rows[_self_or_neighbour(at, nearest, rng)], rng)
        drawn[:, PLACE] = _within(self.rows[at, PLACE] + step).round(2)
        return drawn

    def _elsewhere(self, anywhere: int, coarse: int, rng: np.random.Generator) -> Rows:
        """Draw rows anywhere in the table, and others in its coarse blocks: raw, shape (anywhere + coarse, 9)."""
        centres, blocks = self.table.grid.centres(), self.table.grid.firsts[self.table.grid.steps == 0]
        distances, _ = self.experts.neighbourhood.tree.query(plane(centres[blocks]))
        chance = 1 / (distances + KEEPS_OFF_KM) ** 2
        cells = [
            rng.integers(0, len(centres), anywhere),
            rng.choice(blocks, coarse // 2),
            rng.choice(blocks, coarse - coarse // 2, p=chance / chance.sum()),
        ]
        drawn = _changed(self.rows[rng.integers(0, len(self.rows), anywhere + coarse)], rng)
        drawn[:, PLACE] = centres[np.concatenate(cells)]
        return drawn

    def _holes(self, count: int, nearest: Indices, rng: np.random.Generator, seed: int) -> Matrix:
        """Draw rows that are shown as if everything within some radius were unknown, as the mixture reads them."""
        known, place_features = self._hole_places(seed)
        picked = rng.integers(0, len(known), count)
        at = known[picked]
        drawn = _changed(self.rows[_self_or_neighbour(at, nearest, rng)], rng)
        drawn[:, PLACE] = self.rows[at, PLACE]
        lessons: Matrix = matrix(drawn, place_features[picked], self.experts.bedrooms_per_household)
        return lessons

    def _hole_places(self, seed: int) -> tuple[Indices, Floats]:
        """Return block groups and `places.FEATURES` of their places as if all around were unknown.

        The first ones are those that the local expert has learnt from.
        """
        lessons, count = self.experts.lessons, len(self.rows)
        rows, place_features = [lessons.rows[count:]], [place_features_of(lessons.matrix[count:])]
        for draw in range(1, DRAWS + 1):
            again, radii = draw_holes(self.holes, count, seed + draw)
            around = self.experts.neighbourhood.beyond(again, radii)
            rows.append(again)
            place_features.append(rounded(np.hstack([geography(self.rows[again, PLACE]), around])))
        return np.concatenate(rows), np.concatenate(place_features)

    def _located(self, rows: Rows) -> Matrix:
        """Convert raw rows, with the table of places, to what the mixture reads."""

        def convert(part: Rows) -> Matrix:
            place_features = self.table(part[:, PLACE])[:, : len(PLACE_FEATURES)]
            located: Matrix = matrix(part, place_features, self.experts.bedrooms_per_household)
            return located

        return in_parts(convert, rows)

    def _without_bedrooms(self, lessons: Matrix, rng: np.random.Generator) -> Matrix:
        """Return lessons in which the bedrooms of some rows are missing."""
        rows = np.full((len(lessons), len(FEATURES)), np.nan)
        rows[:, FIGURES] = lessons[:, : len(COUNTS)]
        rows[:, column("total_bedrooms")] = np.nan
        shown, missing = lessons.copy(), rng.random(len(lessons)) < WITHOUT_BEDROOMS
        estimated = own_features(rows[missing], self.experts.bedrooms_per_household)
        for at in OF_BEDROOMS:
            shown[missing, at] = estimated[:, at]
        return shown


def _self_or_neighbour(at: Indices, nearest: Indices, rng: np.random.Generator) -> Indices:
    """Replace some block groups by one of their nearest."""
    neighbours = nearest[at, rng.integers(0, nearest.shape[1], len(at))]
    return np.where(rng.random(len(at)) < OF_NEIGHBOURS, at, neighbours)


def _within(positions: Floats) -> Floats:
    """Move positions, shape (n, 2), into the contract's range."""
    return np.clip(positions, *corners())


def _changed(rows: Rows, rng: np.random.Generator) -> Rows:
    """Change the figures of raw rows a little; bedrooms stay within rooms."""
    age, rooms, bedrooms = map(column, ("housing_median_age", "total_rooms", "total_bedrooms"))
    changed = rows.copy()
    changed[:, age] = np.clip(np.round(changed[:, age] + rng.normal(0, YEARS, len(rows))), 1, 52)
    changed[:, COUNTED] *= np.exp(rng.normal(0, SIZE, (len(rows), 1)))
    changed[:, BUT_AGE] *= np.exp(rng.normal(0, CHANGE, changed[:, BUT_AGE].shape))
    changed[:, bedrooms] = np.minimum(changed[:, bedrooms], changed[:, rooms])
    return changed


def _stretched(rows: Rows, known: Rows, rng: np.random.Generator) -> Rows:
    """Replace one or two figures of raw rows by any value in the range of the known ones."""
    low, high = np.nanquantile(known[:, FIGURES], [0.0003, 0.9997], axis=0)
    for share in (1.0, SECOND):
        which = rng.integers(0, len(COUNTS), len(rows))
        evenly = np.isin(which, [COUNTS.index(name) for name in ("housing_median_age", "median_income")])
        values = np.where(
            evenly,
            rng.uniform(low[which], high[which]),
            np.exp(rng.uniform(np.log(np.maximum(low[which], 1)), np.log(high[which]))),
        )
        moved = rng.random(len(rows)) < share
        rows[moved, FIGURES.start + which[moved]] = values[moved]
    return rows
