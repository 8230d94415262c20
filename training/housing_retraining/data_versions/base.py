"""The initial rows: the pipeline's raw table, copied once into the table of all rows."""

from pathlib import Path

import pandas as pd

from housing_retraining.data_versions.row_table import COLUMNS, ROWS, RowTable
from housing_retraining.data_versions.version import split_positions
from housing_training.data.source import fetch
from housing_training.files import artifacts
from housing_training.params.schema import Params

SOURCE = "the pipeline"
"""Where these rows come from."""


def open_rows(folder: Path, params: Params) -> RowTable:
    """Open the table of all rows; the first time it is filled with the pipeline's raw table.

    Rows that the pipeline holds out are held out for good, so that the champion was not trained on any row that it is
    tested on.

    Args:
        folder: the folder of retrainings.
        params: those of the pipeline in the working directory.

    Raises:
        FetchError: the raw table was not fetched before, and is not available.
    """
    table = RowTable(folder / ROWS)
    if table.count() == 0:
        raw = pd.read_parquet(artifacts.RAW) if artifacts.RAW.exists() else fetch(params.fetch)
        held_out = set(split_positions(len(raw), params.prepare)[1])
        with table.arriving(SOURCE, "base") as arrivals:
            if arrivals.count() == 0:  # another process may have filled it
                for number, values in enumerate(_cells(raw)):
                    arrivals.keep(values, held_out=number in held_out)
    return table


def _cells(raw: pd.DataFrame) -> list[dict[str, object]]:
    known = raw[list(COLUMNS)].astype(object).where(raw[list(COLUMNS)].notna(), None)
    return [{str(name): value for name, value in row.items()} for row in known.to_dict("records")]
