"""How much of a Parquet file stays in Arrow's memory while it is read."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from housing.features import FEATURES


def write_large_table(path: Path, groups: int = 60, rows: int = 10_000) -> None:
    """Write a table with prices, of row groups that cannot be compressed, 0.7 MB each."""
    rng = np.random.default_rng(1)
    numbers = [each.name for each in FEATURES if not each.choices]
    schema = pa.schema([(name, pa.float64()) for name in [*numbers, "median_house_value"]])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(groups):
            writer.write_table(pa.Table.from_arrays([pa.array(rng.random(rows)) for _ in schema], schema=schema))


def most_held(pieces: Iterable[object]) -> int:
    """Read all pieces; return the most bytes that Arrow held after one of them, beyond those before the first."""
    before = pa.total_allocated_bytes()
    return int(max(pa.total_allocated_bytes() - before for _ in pieces))
