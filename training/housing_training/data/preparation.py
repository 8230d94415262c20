"""From the raw table to the two that training and evaluation read."""

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from housing_training.data.schema import validate
from housing_training.geography.landmarks import BAY, COAST, distance_to_line
from housing_training.geography.proximity import CHOICES, ocean_proximity
from housing_training.params.schema import PrepareParams


def prepare(table: pd.DataFrame, params: PrepareParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Check the raw table, fill in `ocean_proximity` where it is missing, and split it.

    Returns:
        The rows to train on and the rows held out, shuffled as scikit-learn does for the same seed.

    Raises:
        TableError: rows break the schema.
    """
    complete = fill_ocean_proximity(validate(table))
    train, test = train_test_split(complete, test_size=params.test_size, random_state=params.seed)
    return train.reset_index(drop=True), test.reset_index(drop=True)


def fill_ocean_proximity(table: pd.DataFrame) -> pd.DataFrame:
    """Derive `ocean_proximity` by the geographic rule in the rows that have none."""
    longitude, latitude = (table[[name]].to_numpy(np.float64) for name in ("longitude", "latitude"))
    codes = ocean_proximity(
        longitude=longitude,
        latitude=latitude,
        coast_km=distance_to_line(longitude, latitude, COAST),
        bay_km=distance_to_line(longitude, latitude, BAY),
    )
    derived = pd.Series(np.asarray(CHOICES)[codes[:, 0].astype(np.int64)], index=table.index, dtype="str")
    return table.assign(ocean_proximity=table["ocean_proximity"].fillna(derived))
