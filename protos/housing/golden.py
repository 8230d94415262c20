"""Golden requests: what a model was asked and answered when it was made, kept with it so that a server can ask again.

The file is JSON: `request` is a `BatchPredictRequest` as any client may send it, `median_house_value` the answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf import json_format

from housing.contract import message_from_row, row_from_message
from housing.v1.prediction_service_pb2 import BatchPredictRequest

FILE = "extra_files/golden_requests.json"
"""Where it is in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRequests:
    """Block groups and their prices."""

    request: BatchPredictRequest
    """The block groups."""
    prices: tuple[float, ...]
    """Their prices in USD, in the same order."""

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[float]], prices: Sequence[float]) -> GoldenRequests:
        """Take rows of nine columns in `FEATURES` order, NaN for what is left out, and their prices in USD."""
        return cls(
            request=BatchPredictRequest(block_groups=[message_from_row(row) for row in rows]), prices=tuple(prices)
        )

    @classmethod
    def from_json(cls, text: str) -> GoldenRequests:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is something else, or asks for fields that this contract does not have.
        """
        try:
            content = json.loads(text)
            request = json_format.ParseDict(content["request"], BatchPredictRequest())
            prices = tuple(float(price) for price in content["median_house_value"])
        except (KeyError, TypeError, json_format.ParseError) as error:
            raise ValueError(f"no golden requests of this contract: {error}") from error
        if len(prices) != len(request.block_groups):
            raise ValueError(f"{len(request.block_groups)} golden requests have {len(prices)} answers")
        return cls(request=request, prices=prices)

    def to_json(self) -> str:
        """Write the file: always the same text for the same content."""
        request = json_format.MessageToDict(self.request, preserving_proto_field_name=True)
        return json.dumps({"request": request, "median_house_value": list(self.prices)}, indent=1) + "\n"

    def rows(self) -> list[list[float]]:
        """Give the rows as a model reads them."""
        return [row_from_message(block_group) for block_group in self.request.block_groups]
