"""Asking a compiled graph: its surface, and running it as the server does.

Nothing here needs what graphs are made with, so that stages which only ask them start fast.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from housing.contract import FEATURES

INPUT = "block_groups"
"""Rows: double, shape (N, 9), columns in `FEATURES` order, NaN for a field that was left out."""
REQUIRED = tuple(column for column, feature in enumerate(FEATURES) if feature.required)
"""Columns of fields that no row may lack: the price of one that does is NaN."""
PRICE = "median_house_value"
"""Prices in USD: double, shape (N,)."""
PROXIMITY = "ocean_proximity"
"""The code of `ocean_proximity` that was used, given or derived: int64, shape (N,)."""
INTERVAL = "interval"
"""Lower and upper bound of the price in USD, if the graph has them: double, shape (N, 2)."""
INTERVAL_UPPER_OPEN = "interval_upper_open"
"""Whether the upper bound has reached the highest price there is data for: bool, shape (N,)."""
WARNINGS = "warnings"
"""Which of the warnings that the graph's properties describe apply: bool, shape (N, warnings)."""

Rows = npt.NDArray[np.float64]


class GraphModel:
    """A compiled graph, run as the server runs it: on one thread."""

    def __init__(self, model: onnx.ModelProto | bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        content = model if isinstance(model, bytes) else model.SerializeToString()
        self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it answers."""
        return tuple(output.name for output in self._session.get_outputs())

    @property
    def warnings(self) -> list[dict[str, str]]:
        """The warnings it may give, in the order of the columns of `WARNINGS`: reason, field and message."""
        properties = self._session.get_modelmeta().custom_metadata_map
        described: list[dict[str, str]] = json.loads(properties.get(WARNINGS, "[]"))
        return described

    def answer(self, rows: Rows) -> dict[str, npt.NDArray[Any]]:
        """Answer everything by name for rows of shape (n, 9)."""
        return dict(zip(self.outputs, self._session.run(list(self.outputs), {INPUT: rows}), strict=True))

    def predict(self, rows: Rows) -> Rows:
        """Answer prices in USD, shape (n,), for rows of shape (n, 9)."""
        prices: Rows = self._session.run([PRICE], {INPUT: rows})[0]
        return prices

    def proximity(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Answer the codes of `ocean_proximity` that are used, shape (n,), for rows of shape (n, 9)."""
        codes: npt.NDArray[np.int64] = self._session.run([PROXIMITY], {INPUT: rows})[0]
        return codes
