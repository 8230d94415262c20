"""The table of block groups: its columns, and its conversion to the rows that models read."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from housing.features import FEATURE_NAMES, FEATURES

TARGET = "median_house_value"
"""Column of the price: median value of the block group's owner-occupied homes, in 1990 USD."""

COLUMNS = (*FEATURE_NAMES, TARGET)
"""All columns, in order."""


def rows_from_frame(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Convert a table that passed the schema to rows.

    Returns:
        float64, shape (n, 9), columns in `FEATURES` order; text as the index of its spelling, NaN for what is missing.
    """
    columns = [
        _codes(frame[feature.name], feature.choices) if feature.choices else frame[feature.name].to_numpy(np.float64)
        for feature in FEATURES
    ]
    return np.column_stack(columns)


def prices_from_frame(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the prices: USD, float64, shape (n,)."""
    return frame[TARGET].to_numpy(np.float64)


def _codes(column: pd.Series, choices: tuple[str, ...]) -> npt.NDArray[np.float64]:
    codes = {choice: float(code) for code, choice in enumerate(choices)}
    return np.asarray(column.map(codes), dtype=np.float64)
