"""Running a compiled graph as the server does.

Nothing here imports what compiles graphs, so that stages which only run them start fast.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from housing.features import FEATURES
from housing.graph import INPUT, PRICE, PROXIMITY, WARNINGS_PROPERTY
from housing_training.data.rows import Prices, Rows

REQUIRED = tuple(column for column, feature in enumerate(FEATURES) if feature.required)
"""Columns of fields that no row may lack: the price of one that does is NaN."""
THREADS = 2
"""Runs at once where many sets of rows are priced, each on one thread: the prices are the same with any number."""


class GraphModel:
    """A compiled graph, run as the server runs it: on one thread."""

    def __init__(self, model: onnx.ModelProto | bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        content = model if isinstance(model, bytes) else model.SerializeToString()
        self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of its outputs."""
        return tuple(output.name for output in self._session.get_outputs())

    @property
    def warnings(self) -> list[dict[str, str]]:
        """The warnings it may give, in the order of the columns of `WARNINGS`: reason, field and message."""
        properties = self._session.get_modelmeta().custom_metadata_map
        described: list[dict[str, str]] = json.loads(properties.get(WARNINGS_PROPERTY, "[]"))
        return described

    def answer(self, rows: Rows) -> dict[str, npt.NDArray[Any]]:
        """Run the graph on rows of shape (n, 9) and return all outputs by name."""
        return dict(zip(self.outputs, self._session.run(list(self.outputs), {INPUT: rows}), strict=True))

    def predict(self, rows: Rows) -> Prices:
        """Return prices in USD, shape (n,), for rows of shape (n, 9)."""
        prices: Prices = self._session.run([PRICE], {INPUT: rows})[0]
        return prices

    def predict_each(self, variants: Iterable[Rows]) -> list[Prices]:
        """Return the prices of several sets of rows, in order; `THREADS` sets are priced at once."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self.predict, variants))

    def proximity(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Return the codes of `ocean_proximity` that are used, shape (n,), for rows of shape (n, 9)."""
        codes: npt.NDArray[np.int64] = self._session.run([PROXIMITY], {INPUT: rows})[0]
        return codes
