"""Predictions of a batch encoded by NumPy, all at once, at a fraction of what messages cost.

Each has a fixed layout: id, price and interval. Warnings are rare and not part of it: such predictions take messages.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from housing.v1.prediction_service_pb2 import BatchPredictResponse, Prediction, PredictionInterval
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.core.encoded_rows import FIXED_64, LENGTH, VARINT, key_of
from housing_server.core.model import Intervals

_LONGEST = 64
"""The longest id for which all lengths take one byte."""

_FIELDS = Prediction.DESCRIPTOR.fields_by_name
_OF_INTERVAL = PredictionInterval.DESCRIPTOR.fields_by_name
_ITEM_KEY = key_of(BatchPredictResponse.DESCRIPTOR.fields_by_name["predictions"], LENGTH)
_KEYS = {
    "id_key": key_of(_FIELDS["prediction_id"], LENGTH),
    "price_key": key_of(_FIELDS["median_house_value"], FIXED_64),
}
_INTERVAL_KEYS = {
    "interval_key": key_of(_FIELDS["interval"], LENGTH),
    "lower_key": key_of(_OF_INTERVAL["lower"], FIXED_64),
    "upper_key": key_of(_OF_INTERVAL["upper"], FIXED_64),
    "coverage_key": key_of(_OF_INTERVAL["coverage"], FIXED_64),
    "open_key": key_of(_OF_INTERVAL["upper_open"], VARINT),
}
_INTERVAL = [
    ("lower_key", "u1"),
    ("lower", "<f8"),
    ("upper_key", "u1"),
    ("upper", "<f8"),
    ("coverage_key", "u1"),
    ("coverage", "<f8"),
    ("open_key", "u1"),
    ("open", "u1"),
]
_INTERVAL_SIZE = np.dtype(_INTERVAL).itemsize
_HEAD = 2
"""Bytes before a prediction: its key and its length."""


@cache
def _layout(id_size: int, *, with_interval: bool) -> np.dtype[np.void]:
    prediction = [("id_key", "u1"), ("id_size", "u1"), ("id", f"S{id_size}"), ("price_key", "u1"), ("price", "<f8")]
    interval = [("interval_key", "u1"), ("interval_size", "u1"), *_INTERVAL] if with_interval else []
    return np.dtype([("key", "u1"), ("size", "u1"), *prediction, *interval])


def pack_predictions(
    ids: Sequence[str],
    prices: NDArray[np.float64],
    intervals: Intervals | None,
    coverage: float,
    warnings: Mapping[int, Sequence[PredictionWarning]],
) -> bytes | None:
    """Encode predictions as a part of a BatchPredictResponse; None if their ids are not all of one moderate size.

    Args:
        ids: ASCII, one for each prediction, n at least 1.
        prices: USD, shape (n,).
        intervals: their intervals; None when the model has none.
        coverage: the coverage of the intervals.
        warnings: the warnings of those that have any, by their index.
    """
    id_size = len(ids[0])
    if not 0 < id_size <= _LONGEST or any(len(each) != id_size for each in ids):
        return None
    layout = _layout(id_size, with_interval=intervals is not None)
    packed = np.empty(len(ids), layout)
    common = {"key": _ITEM_KEY, "size": layout.itemsize - _HEAD, "id_size": id_size, **_KEYS}
    packed["id"], packed["price"] = np.array(ids, f"S{id_size}"), prices
    if intervals is not None:
        common |= {**_INTERVAL_KEYS, "interval_size": _INTERVAL_SIZE}
        packed["lower"], packed["upper"] = intervals.bounds.T
        packed["coverage"], packed["open"] = coverage, intervals.upper_open
    for name, value in common.items():
        packed[name] = value
    return _with_warnings(packed, warnings)


def _with_warnings(packed: NDArray[np.void], warnings: Mapping[int, Sequence[PredictionWarning]]) -> bytes:
    parts, start = [], 0
    for row in sorted(warnings):
        one = BatchPredictResponse.FromString(packed[row].tobytes())
        one.predictions[0].warnings.extend(warnings[row])
        parts += [packed[start:row].tobytes(), one.SerializeToString()]
        start = row + 1
    return b"".join([*parts, packed[start:].tobytes()])
