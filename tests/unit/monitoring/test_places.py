"""Predictions by place."""

from dataclasses import replace

from housing.features import FEATURE_NAMES
from housing_monitoring.places import Place, count_places
from housing_monitoring.window import LoggedPrediction
from unit.monitoring.watched import predictions


def at(longitude: float, latitude: float, value: float) -> LoggedPrediction:
    """A prediction for a block group at a place."""
    (prediction,) = predictions(1)
    row = list(prediction.row)
    row[FEATURE_NAMES.index("longitude")], row[FEATURE_NAMES.index("latitude")] = longitude, latitude
    return replace(prediction, row=tuple(row), median_house_value=value)


def test_predictions_of_one_cell_are_counted_together() -> None:
    """A cell reaches from one whole degree to the next, and is named by its middle."""
    found = count_places([at(-122.3, 37.9, 100.0), at(-122.9, 37.0, 300.0), at(-123.1, 37.9, 50.0)])
    assert found == (
        Place(longitude=-123.5, latitude=37.5, predictions=1, mean_value=50.0),
        Place(longitude=-122.5, latitude=37.5, predictions=2, mean_value=200.0),
    )


def test_no_predictions_no_places() -> None:
    """An empty window has an empty map."""
    assert not count_places([])
