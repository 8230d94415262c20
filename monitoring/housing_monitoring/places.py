"""Where the predictions of the window lie, in cells of one degree: a map's worth, however many there are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

from housing.contract import FEATURE_NAMES
from housing_monitoring.window import LoggedPrediction

_LONGITUDE, _LATITUDE = FEATURE_NAMES.index("longitude"), FEATURE_NAMES.index("latitude")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The predictions of one cell of one degree by one degree."""

    longitude: float
    """Longitude of its middle, in degrees east."""
    latitude: float
    """Latitude of its middle, in degrees north."""
    predictions: int
    """Predictions for block groups in it."""
    mean_value: float
    """Mean of what they were answered, in USD."""


def count_places(predictions: Iterable[LoggedPrediction]) -> tuple[Place, ...]:
    """Count predictions by cell; the contract's bounds keep these to about a hundred."""
    values: defaultdict[tuple[float, float], list[float]] = defaultdict(list)
    for each in predictions:
        cell = floor(each.row[_LONGITUDE]) + 0.5, floor(each.row[_LATITUDE]) + 0.5
        values[cell].append(each.median_house_value)
    return tuple(
        Place(longitude=longitude, latitude=latitude, predictions=len(found), mean_value=sum(found) / len(found))
        for (longitude, latitude), found in sorted(values.items())
    )
