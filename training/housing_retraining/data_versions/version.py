"""The table of a retraining: a CSV as the pipeline's own `fetch` reads it.

The pipeline splits a table by a shuffle of the numbers of its rows, so the order of the rows decides which are held
out. Here they are ordered so that it holds out exactly the right rows: those held out before, and a share of the new
ones.
"""

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from housing_retraining.data_versions.row_table import COLUMNS, RowTable, StoredRow
from housing_training.files.provenance import file_sha256
from housing_training.params.schema import PrepareParams

_DESCRIPTION = Path("data/version.json")
TABLE = Path("data/version.csv")
"""The table, in a work directory."""
HELD_OUT = Path("data/held_out.json")
"""Whether each held-out row is new, in the order of the pipeline's test table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataVersion:
    """A table to train on."""

    sha256: str
    """SHA-256 of its file."""
    rows: int
    """How many rows it has."""
    new_rows: int
    """How many of these no promoted model was trained on."""
    last_row: int
    """The highest number of a row in it."""


def write_version(table: RowTable, folder: Path, params: PrepareParams) -> DataVersion:
    """Write all rows, and which of them are held out, into a work directory.

    Args:
        table: the rows.
        folder: the work directory.
        params: how the pipeline will split them.
    """
    rows = table.learnable()
    trained, held_out = _split(rows, params)
    table.decide({row.number: held for part, held in ((trained, False), (held_out, True)) for row in part})
    places = _places(trained, held_out, params)
    ordered = [places[number] for number in range(len(places))]
    path = folder / TABLE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(["" if cell is None else cell for cell in row.values] for row in ordered)
    positions = split_positions(len(ordered), params)[1]
    (folder / HELD_OUT).write_text(json.dumps([ordered[place].new for place in positions]), encoding="utf-8")
    version = DataVersion(
        sha256=file_sha256(path),
        rows=len(ordered),
        new_rows=sum(row.new for row in ordered),
        last_row=max(row.number for row in ordered),
    )
    (folder / _DESCRIPTION).write_text(json.dumps(asdict(version)), encoding="utf-8")
    return version


def read_version(folder: Path) -> DataVersion | None:
    """Return the table that a work directory had before a crash; None when it was not complete."""
    try:
        version = DataVersion(**json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8")))
        return version if file_sha256(folder / TABLE) == version.sha256 else None
    except (OSError, ValueError):
        return None


def split_positions(count: int, params: PrepareParams) -> tuple[list[int], list[int]]:
    """Return which rows of a table the pipeline trains on and which it holds out, by number from 0, in its order."""
    trained, held_out = train_test_split(np.arange(count), test_size=params.test_size, random_state=params.seed)
    return trained.tolist(), held_out.tolist()


def _split(rows: Sequence[StoredRow], params: PrepareParams) -> tuple[list[StoredRow], list[StoredRow]]:
    """Split rows into those to train on and those held out, in the numbers of the pipeline's own split.

    Earlier decisions stay. Undecided rows are held out at random, seeded by the parameters; surplus rows of either
    kind, due to rounding, are dropped, the latest first.
    """
    undecided = [row for row in rows if row.held_out is None]
    random.Random(params.seed).shuffle(undecided)  # noqa: S311 - a sample, no secret
    held_out = [row for row in rows if row.held_out]
    missing = max(0, _held_out_of(len(rows), params) - len(held_out))
    held_out = sorted([*held_out, *undecided[:missing]], key=lambda row: row.number)
    trained = [row for row in rows if row.held_out is False] + undecided[missing:]
    trained.sort(key=lambda row: row.number)
    count = len(rows)
    while _held_out_of(count, params) > len(held_out) or count - _held_out_of(count, params) > len(trained):
        count -= 1
    return trained[: count - _held_out_of(count, params)], held_out[: _held_out_of(count, params)]


def _held_out_of(count: int, params: PrepareParams) -> int:
    """Return how many of `rows` rows the pipeline holds out."""
    return int(np.ceil(params.test_size * count))


def _places(trained: Sequence[StoredRow], held_out: Sequence[StoredRow], params: PrepareParams) -> dict[int, StoredRow]:
    """Return each row by the position where the pipeline's split finds it; without new rows, the original one."""
    positions = split_positions(len(trained) + len(held_out), params)
    parts = zip(positions, (trained, held_out), strict=True)
    return {place: row for places, rows in parts for place, row in zip(sorted(places), rows, strict=True)}
