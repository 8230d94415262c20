"""Golden requests: requests and answers of a model at training time, registered with it for a server to replay.

The file is JSON: `request` is a `BatchPredictRequest` in JSON, `median_house_value` the answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf import json_format

from housing.rows import message_from_row, row_from_message
from housing.v1.prediction_service_pb2 import BatchPredictRequest

FILE = "extra_files/golden_requests.json"
"""Its path in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRequests:
    """Block groups and their prices."""

    request: BatchPredictRequest
    """The block groups."""
    prices: tuple[float, ...]
    """Their prices in USD, in the same order."""

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[float]], prices: Sequence[float]) -> GoldenRequests:
        """Create golden requests from rows, shape (n, 9), NaN for missing values, and prices in USD."""
        return cls(
            request=BatchPredictRequest(block_groups=[message_from_row(row) for row in rows]), prices=tuple(prices)
        )

    @classmethod
    def from_json(cls, text: str) -> GoldenRequests:
        """Parse the output of `to_json`.

        Raises:
            ValueError: the text is something else, or has fields that are not in this contract.
        """
        try:
            content = json.loads(text)
            request = json_format.ParseDict(content["request"], BatchPredictRequest())
            prices = tuple(float(price) for price in content["median_house_value"])
        except (KeyError, TypeError, json_format.ParseError) as error:
            raise ValueError(f"not golden requests of this contract: {error}") from error
        if len(prices) != len(request.block_groups):
            raise ValueError(f"{len(request.block_groups)} golden requests have {len(prices)} answers")
        return cls(request=request, prices=prices)

    def to_json(self) -> str:
        """Return the content of the file, deterministically."""
        request = json_format.MessageToDict(self.request, preserving_proto_field_name=True)
        return json.dumps({"request": request, "median_house_value": list(self.prices)}, indent=1) + "\n"

    def rows(self) -> list[list[float]]:
        """Return the block groups as rows."""
        return [row_from_message(block_group) for block_group in self.request.block_groups]
