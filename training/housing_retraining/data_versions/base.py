"""The rows that training began with: the pipeline's raw table, taken into the table of all rows once."""

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
    """Open the table of all rows, which the first time is filled with what the pipeline trains on.

    What the pipeline holds out is held out here for good, so that the champion has learnt from no row that it will be
    judged by.

    Args:
        folder: where retrainings keep things.
        params: those of the pipeline in the working directory.

    Raises:
        FetchError: the raw table was not fetched before, and is not available.
    """
    table = RowTable(folder / ROWS)
    if table.count() == 0:
        raw = pd.read_parquet(artifacts.RAW) if artifacts.RAW.exists() else fetch(params.fetch)
        held_out = set(split_positions(len(raw), params.prepare)[1])
        with table.arriving(SOURCE, "base") as arrivals:
            if arrivals.count() == 0:  # another process may have been quicker
                for number, values in enumerate(_cells(raw)):
                    arrivals.keep(values, held_out=number in held_out)
    return table


def _cells(raw: pd.DataFrame) -> list[dict[str, object]]:
    known = raw[list(COLUMNS)].astype(object).where(raw[list(COLUMNS)].notna(), None)
    return [{str(name): value for name, value in row.items()} for row in known.to_dict("records")]
