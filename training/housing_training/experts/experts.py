"""Two experts and the gate between them: one that looks at what neighbours cost, one that does not.

The local expert is the better one wherever block groups nearby are known, and the worse one where none are. It is
trained on rows whose neighbours are all the others, and on a share of them once more as if everything within some
radius were unknown. What separates the two situations is the local outlier factor of the place: how far its neighbours
are, compared with how far theirs are. The gate gives the local expert the weight 1 / (1 + (factor / midpoint) ^
steepness).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from housing_training.data.rows import PLACE, Prices, Rows
from housing_training.experts.boosters import DEFAULT_ROUNDS, Booster, build_booster, run_booster
from housing_training.features.located import COLUMNS, OWN, REGIONAL, bedrooms_per_household, matrix, own_features
from housing_training.features.rounding import legible
from housing_training.geography.landmarks import Array
from housing_training.geography.neighbours import ATTRIBUTES, Neighbourhood
from housing_training.geography.places import GEOGRAPHY, geography, rounded
from housing_training.params.schema import GateParams, HoleParams, MixtureParams

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

HALF = 0.5
"""With less weight than this the local expert counts less than the regional one: nothing nearby is known."""
OUTLIER_FACTOR = slice(len(GEOGRAPHY), len(GEOGRAPHY) + 1)
"""Its column among `places.FEATURES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What the experts estimate for n rows."""

    matrix: Matrix
    """What they read, shape (n, columns)."""
    weights: Floats
    """Weight of the local expert, shape (n, 1)."""
    prices: Prices
    """Prices in USD, shape (n,)."""
    regional_prices: Prices
    """What the regional expert alone estimates, in USD, shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertLessons:
    """What the local expert learns from: all rows as they are, and some again as if nothing around were known."""

    rows: npt.NDArray[np.intp]
    """Which row each is, all in order first, shape (m,)."""
    matrix: Matrix
    """What is read of each, shape (m, columns)."""
    weights: Floats
    """How much each counts, shape (m,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """The fitted experts, and the data that they look for neighbours in."""

    bedrooms_per_household: float
    """Stands in for bedrooms that were left out; their median in the training rows."""
    neighbourhood: Neighbourhood
    """The training rows."""
    local: Booster
    """Estimates prices less `mean` from all columns of the matrix."""
    regional: Booster
    """Estimates them from the columns of `REGIONAL`."""
    lessons: ExpertLessons
    """What the local expert was trained on."""
    gate: GateParams
    """The shape of the gate."""
    mean: float
    """Mean price of the training rows in USD, rounded: smaller numbers leave float32 sums more exact digits."""
    floor: float
    """Least price among the training rows, in USD: nothing lower is answered."""
    ceiling: float
    """Greatest price among the training rows, in USD: nothing higher is answered."""

    @classmethod
    def fit(cls, params: MixtureParams, rows: Rows, prices: Prices, seed: int) -> Self:
        """Fit on rows, shape (n, 9), and their prices in USD, shape (n,)."""
        bedrooms, mean = bedrooms_per_household(rows), float(prices.mean().round())
        neighbourhood = Neighbourhood.of(rows[:, PLACE], prices, _attributes(rows, bedrooms))
        lessons = _lessons(params.holes, rows, neighbourhood, bedrooms, seed)
        targets = (prices - mean)[lessons.rows]
        return cls(
            bedrooms_per_household=bedrooms,
            neighbourhood=neighbourhood,
            local=build_booster(_by_column(params.local, COLUMNS), seed).fit(
                lessons.matrix, targets, sample_weight=lessons.weights
            ),
            regional=_fit_regional(params, lessons.matrix[: len(rows), : len(REGIONAL)], targets[: len(rows)], seed),
            lessons=lessons,
            gate=params.gate,
            mean=mean,
            floor=float(prices.min()),
            ceiling=float(prices.max()),
        )

    def place_features(self, rows: Rows) -> Floats:
        """Compute `places.FEATURES` of rows outside of the training rows, rounded as the table: shape (n, columns)."""
        return rounded(np.hstack([geography(rows[:, PLACE]), self.neighbourhood.at(rows[:, PLACE])]))

    def estimate(self, rows: Rows) -> Estimate:
        """Estimate the prices of rows outside of the training rows, shape (n, 9)."""
        place_features = self.place_features(rows)
        columns = matrix(rows, place_features, self.bedrooms_per_household)
        weights = local_weight(self.gate, place_features[:, OUTLIER_FACTOR])
        local, regional = run_booster(self.local, columns), run_booster(self.regional, columns[:, : len(REGIONAL)])
        return Estimate(
            matrix=columns,
            weights=weights,
            prices=self.blend(weights, local, regional)[:, 0],
            regional_prices=self.blend(np.zeros_like(weights), local, regional)[:, 0],
        )

    def blend(self, weights: Array, local: Array, regional: Array) -> Array:
        """Combine the experts' estimates, float32, into prices in USD, float64; all of shape (n, 1)."""
        xp = weights.__array_namespace__()
        local, regional = xp.astype(local, xp.float64), xp.astype(regional, xp.float64)
        return xp.clip(regional + weights * (local - regional) + self.mean, self.floor, self.ceiling)


def local_weight(gate: GateParams, outlier_factor: Array) -> Array:
    """Compute the weight of the local expert from the local outlier factor of places; float64, shape (n, 1) both."""
    return 1.0 / (1.0 + (outlier_factor / gate.midpoint) ** gate.steepness)


def _lessons(params: HoleParams, rows: Rows, neighbourhood: Neighbourhood, bedrooms: float, seed: int) -> ExpertLessons:
    again, radii = draw_holes(params, len(rows), seed)
    known, unknown = neighbourhood.leave_one_out(), neighbourhood.beyond(again, radii)
    shown = np.concatenate([np.arange(len(rows)), again])
    place_features = rounded(np.hstack([geography(rows[:, PLACE])[shown], np.concatenate([known, unknown])]))
    return ExpertLessons(
        rows=shown,
        matrix=matrix(rows[shown], place_features, bedrooms),
        weights=np.repeat([1.0, params.weight], [len(rows), len(again)]),
    )


def _fit_regional(params: MixtureParams, columns: Matrix, targets: Floats, seed: int) -> Booster:
    """Fit the regional expert: first to what a block group is, then also to where it lies.

    What a block group is counts alike everywhere, so the less is left for its place to explain, the less goes wrong in
    places that are unknown; and the less it errs like the local expert, the more the two gain from each other.
    """
    booster = {"n_estimators": DEFAULT_ROUNDS, **_by_column(params.regional, REGIONAL)}
    if not params.rounds_without_place:
        return build_booster(booster, seed).fit(columns, targets)
    placeless = columns.copy()
    placeless[:, len(OWN) :] = 0  # no tree can split on what is the same everywhere
    first = build_booster({**booster, "n_estimators": params.rounds_without_place}, seed).fit(placeless, targets)
    rest = {**booster, "n_estimators": booster["n_estimators"] - params.rounds_without_place}
    return build_booster(rest, seed + 1).fit(columns, targets, xgb_model=first.get_booster())


def _by_column(hyper_parameters: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Expand `monotone_constraints`, given by name of column, to all columns of an expert."""
    constraints = hyper_parameters.get("monotone_constraints", {})
    return {**hyper_parameters, "monotone_constraints": tuple(constraints.get(name, 0) for name in columns)}


def _attributes(rows: Rows, bedrooms_per_household: float) -> Floats:
    attributes: Floats = own_features(rows, bedrooms_per_household)[:, [OWN.index(name) for name in ATTRIBUTES]]
    return attributes


def draw_holes(params: HoleParams, count: int, seed: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """Draw the rows that are shown as if their surroundings were unknown, in order, and a radius in km for each."""
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(count, size=round(params.share * count), replace=False))
    radii = np.exp(random.uniform(np.log(params.nearest_km), np.log(params.farthest_km), len(rows)))
    return rows, legible(radii)
