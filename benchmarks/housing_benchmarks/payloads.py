"""The requests to send: files for ghz and h2load, written from rows of the census table."""

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from google.protobuf import proto
from google.protobuf.message import Message
from numpy.typing import NDArray

from housing.descriptors import descriptor_set
from housing.features import FEATURE_NAMES
from housing.rows import message_from_mapping, row_from_message
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.explanation_service_pb2 import ExplainRequest
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.reference.no_op import ANSWER

STREAM_MESSAGES = 1000
"""Messages per stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payloads:
    """Requests as files, in one folder."""

    folder: Path
    block_groups: Sequence[BlockGroup]
    """The rows that requests are made from, repeatedly."""

    @property
    def protoset(self) -> Path:
        """Write the contract's descriptors for ghz."""
        return self._write("contract.binpb", descriptor_set().SerializeToString())

    def unary(self) -> Path:
        """Write a request of Predict."""
        return self._write("unary.bin", PredictRequest(block_group=self.block_groups[0]).SerializeToString())

    def explain(self) -> Path:
        """Write a request of Explain."""
        return self._write("explain.bin", ExplainRequest(block_group=self.block_groups[0]).SerializeToString())

    def framed(self) -> Path:
        """Write a request of Predict as a gRPC frame: with its flag and length."""
        message = self.unary().read_bytes()
        return self._write("unary.grpc", struct.pack(">BI", 0, len(message)) + message)

    def answer(self) -> Path:
        """Write what the no-op servers answer Predict with."""
        return self._write("answer.bin", ANSWER.SerializeToString())

    def batch(self, rows: int) -> Path:
        """Write a request of BatchPredict with `rows` rows."""
        request = BatchPredictRequest(block_groups=self._first(rows))
        return self._write(f"batch-{rows}.bin", request.SerializeToString())

    def stream(self) -> Path:
        """Write the requests of one StreamPredict."""
        requests = (StreamPredictRequest(block_group=each) for each in self._first(STREAM_MESSAGES))
        return self._write("stream.bin", _length_prefixed(requests))

    def body(self, name: str, template: Any = None) -> Path:
        """Write a JSON body: the first row, or the result of `template` on its values by name."""
        values = {field.name: value for field, value in self.block_groups[0].ListFields()}
        return self._write(f"{name}.json", json.dumps(template(values) if template else values).encode())

    def rows(self, count: int) -> NDArray[np.float64]:
        """Return rows as models read them: float64, shape (count, 9)."""
        return np.array([row_from_message(each) for each in self._first(count)])

    def _first(self, count: int) -> Iterable[BlockGroup]:
        return islice(cycle(self.block_groups), count)

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def _length_prefixed(messages: Iterable[Message]) -> bytes:
    buffer = BytesIO()
    for message in messages:
        proto.serialize_length_prefixed(message, buffer)
    return buffer.getvalue()


def read_block_groups(table: Path) -> list[BlockGroup]:
    """Read the rows of a prepared table that the model was not trained on.

    Raises:
        BenchmarkError: the table is missing.
    """
    try:
        frame = pd.read_parquet(table, columns=list(FEATURE_NAMES))
    except FileNotFoundError as error:
        raise BenchmarkError(f"{table} is missing: run `housing train` first") from error
    return [message_from_mapping({str(name): value for name, value in row.items()}) for row in frame.to_dict("records")]
