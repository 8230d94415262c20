"""The domain of the training rows, and warnings about rows outside of it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from housing.features import FEATURES
from housing_training.data.rows import FIGURES, LABEL
from housing_training.features.located import COUNTS
from housing_training.geography.landmarks import Array
from housing_training.geography.places import FEATURES as PLACE_FEATURES
from housing_training.geography.places import LABELS, PLAUSIBLE_KM

TAIL = 0.001
"""Share of the training rows beyond each end of a field's usual range."""
FAR_KM = 25.0
"""A place whose fifth-nearest training row is farther than this is far from data, however thin the data are there."""
FAR_FACTOR = 3.0
"""A place with a greater local outlier factor than this lies in a hole in the data, though others may not be far."""
FAR = "FAR_FROM_TRAINING_DATA"
"""Reason of the warning about a place."""
OUTSIDE = "OUTSIDE_TRAINING_RANGE"
"""Reason of the warning about a figure."""
CONTRADICTION = "OCEAN_PROXIMITY_CONTRADICTS_COORDINATES"
"""Reason of the warning about a label."""

_COLUMNS = (*PLACE_FEATURES, *LABELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingDomain:
    """Where the training rows lie."""

    lowest: tuple[float, ...]
    """Lower end of the usual range of each of `COUNTS`."""
    highest: tuple[float, ...]
    """Upper end of the usual range of each of `COUNTS`."""

    @classmethod
    def fit(cls, rows: npt.NDArray[np.float64]) -> Self:
        """Learn from training rows, shape (n, 9)."""
        figures = rows[:, FIGURES]
        lowest, highest = np.nanquantile(figures, [TAIL, 1 - TAIL], axis=0)
        return cls(lowest=tuple(map(_legible, lowest)), highest=tuple(map(_legible, highest)))

    def described(self) -> list[dict[str, str]]:
        """Describe the warnings, in the order of the columns that `warned` gives: reason, field and message."""
        units = {feature.name: feature.unit for feature in FEATURES}
        outside = [
            _warning(OUTSIDE, name, f"outside the usual {low:,g} to {high:,g} ({units[name]}) of the training data")
            for name, low, high in zip(COUNTS, self.lowest, self.highest, strict=True)
        ]
        far = "no training data near this place: the interval may not hold here"
        contradiction = f"contradicts the coordinates: no place within {PLAUSIBLE_KM:g} km has this label"
        return [
            _warning(FAR, "longitude", far),
            *outside,
            _warning(CONTRADICTION, "ocean_proximity", contradiction),
        ]

    def warned(self, rows: Array, place_features: Array) -> Array:
        """Return which warnings rows get.

        Args:
            rows: float64, shape (n, 9), NaN for what was left out, which gets no warning.
            place_features: `places.FEATURES` and `LABELS` of their places, float64, shape (n, columns).

        Returns:
            bool, shape (n, warnings).
        """
        xp = rows.__array_namespace__()
        figures = rows[:, FIGURES]
        outside = (figures < xp.asarray(np.asarray(self.lowest))) | (figures > xp.asarray(np.asarray(self.highest)))
        return xp.concat([is_far(place_features), outside, _contradicted(rows, place_features)], axis=1)


def is_far(place_features: Array) -> Array:
    """Return whether places are far from data, or on water where nobody lives: bool, shape (n, 1).

    Args:
        place_features: `places.FEATURES` and `LABELS` of the places, shape (n, columns).
    """
    factor, distance, water = (
        _column(place_features, name) for name in ("outlier_factor", "neighbour_km", "open_water")
    )
    return (factor > FAR_FACTOR) | (distance > FAR_KM) | (water > 0.0)


def _contradicted(rows: Array, place_features: Array) -> Array:
    """Return whether the given label is not among the plausible ones: bool, shape (n, 1)."""
    xp = rows.__array_namespace__()
    halved = _column(place_features, "plausible_labels") / 2.0 ** (rows[:, LABEL] + 1.0)
    # The label's bit is now the first one after the point. If the label was left out, this is NaN, and not less.
    return halved - xp.floor(halved) < 0.5  # noqa: PLR2004 - that bit's place


def _column(place_features: Array, name: str) -> Array:
    at = _COLUMNS.index(name)
    return place_features[:, at : at + 1]


def _legible(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}") if value else 0.0


def _warning(reason: str, field: str, message: str) -> dict[str, str]:
    return {"reason": reason, "field": field, "message": message}
