"""The locations of the window's predictions, in cells of one degree, which bounds their number."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

from housing.features import COLUMNS
from housing_monitoring.window import LoggedPrediction

_LONGITUDE, _LATITUDE = COLUMNS["longitude"], COLUMNS["latitude"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The predictions in a cell of one degree by one degree."""

    longitude: float
    """Longitude of its centre, in degrees east."""
    latitude: float
    """Latitude of its centre, in degrees north."""
    predictions: int
    """Number of predictions for block groups in it."""
    mean_value: float
    """Mean of the predicted prices, in USD."""


def count_places(predictions: Iterable[LoggedPrediction]) -> tuple[Place, ...]:
    """Count predictions by cell; the contract's bounds limit these to about a hundred."""
    values: defaultdict[tuple[float, float], list[float]] = defaultdict(list)
    for each in predictions:
        cell = floor(each.row[_LONGITUDE]) + 0.5, floor(each.row[_LATITUDE]) + 0.5
        values[cell].append(each.median_house_value)
    return tuple(
        Place(longitude=longitude, latitude=latitude, predictions=len(found), mean_value=sum(found) / len(found))
        for (longitude, latitude), found in sorted(values.items())
    )
