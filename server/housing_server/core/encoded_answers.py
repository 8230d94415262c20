"""Answers encoded as responses to Predict, without a message in between.

A response is put together from encoded parts: protobuf reads parts that follow each other as one message. What is the
same for all answers of a run is encoded once; the rest has a fixed layout but for the warnings, which are rare.
"""

from collections.abc import Callable
from functools import cache
from struct import Struct

from google.protobuf.descriptor import Descriptor

from housing.v1.prediction_service_pb2 import PredictionInterval, PredictResponse
from housing_server.core.answers import Answers, timestamp
from housing_server.core.encoded_rows import FIXED_64, LENGTH, VARINT, key_of


def _key(message: Descriptor, field: str, wire_type: int) -> int:
    return key_of(message.fields_by_name[field], wire_type)


_RESPONSE, _OF_INTERVAL = PredictResponse.DESCRIPTOR, PredictionInterval.DESCRIPTOR
_ID = _key(_RESPONSE, "prediction_id", LENGTH)
_PRICE = _key(_RESPONSE, "median_house_value", FIXED_64)
_INTERVAL = _key(_RESPONSE, "interval", LENGTH)
_LOWER = _key(_OF_INTERVAL, "lower", FIXED_64)
_UPPER = _key(_OF_INTERVAL, "upper", FIXED_64)
_COVERAGE = _key(_OF_INTERVAL, "coverage", FIXED_64)
_UPPER_OPEN = _key(_OF_INTERVAL, "upper_open", VARINT)
_pack_interval = Struct("<BBBdBdBdBB").pack
_INTERVAL_SIZE = Struct("<BdBdBdBB").size


@cache
def _pack_prediction(id_size: int) -> Callable[..., bytes]:
    """Return the function that packs an id of this size, at most 127 bytes, and a price."""
    return Struct(f"<BB{id_size}sBd").pack


class EncodedAnswers:
    """The answers of one run as encoded responses."""

    __slots__ = ("_answers", "_bounds", "_common", "_coverage", "_open", "_prices")

    def __init__(self, answers: Answers) -> None:
        """Encode what the answers have in common."""
        model = answers.model
        self._answers = answers
        self._prices = answers.estimates.median_house_value.tolist()
        self._coverage = model.interval_coverage
        interval = answers.estimates.interval
        self._bounds: list[list[float]] = [] if interval is None else interval.bounds.tolist()
        self._open: list[bool] = [] if interval is None else interval.upper_open.tolist()
        self._common = PredictResponse(
            model_name=model.description.name,
            model_version=model.description.version,
            predicted_at=timestamp(answers.predicted_at),
        ).SerializeToString()

    def response(self, index: int) -> bytes:
        """Return the answer to one row as an encoded PredictResponse."""
        answers, prediction_id = self._answers, self._answers.prediction_ids[index].encode()
        size = len(prediction_id)
        encoded = _pack_prediction(size)(_ID, size, prediction_id, _PRICE, self._prices[index]) + self._common
        if self._bounds:
            lower, upper = self._bounds[index]
            encoded += _pack_interval(
                *(_INTERVAL, _INTERVAL_SIZE, _LOWER, lower, _UPPER, upper),
                *(_COVERAGE, self._coverage, _UPPER_OPEN, self._open[index]),
            )
        if index in answers.warnings:
            encoded += PredictResponse(warnings=answers.warnings[index]).SerializeToString()
        return encoded
