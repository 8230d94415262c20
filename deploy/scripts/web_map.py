"""Write the data of the page's map: California's outline, and a sample of the census's block groups.

Run it once `housing train` has prepared the table: `.venv/bin/python deploy/scripts/web_map.py`.
The files are committed, so that serving the page needs neither the table nor pandas.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from housing.features import FEATURES
from housing_training.geography.landmarks import BAY, COAST
from housing_training.geography.waters import LAKES

ROOT = Path(__file__).parents[2]
WEB = ROOT / "server/housing_server/web"
ROWS = 4000
"""Size of the sample: about 85 kB."""
_CELL_DEGREES = 0.05
"""The sample has a row of every cell of this size that has any, so that the countryside is on the map as well."""

# fmt: off
_LAND_BORDER = (
    (-117.12, 32.53), (-114.72, 32.72), (-114.52, 33.03), (-114.68, 33.26), (-114.53, 33.55), (-114.50, 33.93),
    (-114.43, 34.08), (-114.14, 34.30), (-114.43, 34.60), (-114.57, 34.83), (-114.63, 35.00), (-120.00, 39.00),
    (-120.00, 42.00), (-124.21, 42.00),
)
# fmt: on
"""The border from the Pacific along Mexico, the Colorado, Nevada and Oregon, and back to the Pacific."""


def main() -> None:
    """Write both files."""
    (WEB / "outline.json").write_text(json.dumps(_outline(), separators=(",", ":")), encoding="utf-8")
    table = pd.concat(pd.read_parquet(ROOT / f"data/processed/{part}.parquet") for part in ("train", "test"))
    packed = _packed(_sample(table))
    (WEB / "block_groups.bin").write_bytes(packed)
    sys.stdout.write(f"{ROWS} block groups in {len(packed)} bytes\n")


def _outline() -> dict[str, object]:
    """Return shore and border as one closed line, and the waters inside: longitude and latitude in degrees."""
    return {"land": [*COAST, *_LAND_BORDER[1:]], "waters": [BAY, *LAKES]}


def _sample(table: pd.DataFrame) -> pd.DataFrame:
    """Return `ROWS` rows, the same at every run: one of each cell, and others at random."""
    shuffled = table.sort_values(list(table.columns)).sample(frac=1, random_state=42)
    cell = (shuffled[["longitude", "latitude"]] / _CELL_DEGREES).round().apply(tuple, axis=1)
    first = shuffled[~cell.duplicated()]
    rest = shuffled[cell.duplicated()].head(ROWS - len(first))
    return pd.concat([first, rest]).sort_values(["latitude", "longitude"])


def _packed(table: pd.DataFrame) -> bytes:
    """Return the rows column by column, little-endian, as js/block_groups.js reads them.

    The income is a uint32 in USD; longitude and latitude are int16 in hundredths of degrees, counts and the true price,
    in hundreds of USD, uint16; the proximity is a uint8, by its place among the contract's choices.
    """
    choices = next(feature.choices for feature in FEATURES if feature.choices)
    columns: list[tuple[str, str, float]] = [
        ("median_income", "<u4", 10_000),
        ("longitude", "<i2", 100),
        ("latitude", "<i2", 100),
        ("housing_median_age", "<u2", 1),
        ("total_rooms", "<u2", 1),
        ("total_bedrooms", "<u2", 1),
        ("population", "<u2", 1),
        ("households", "<u2", 1),
        ("median_house_value", "<u2", 0.01),
    ]
    parts = [np.rint(table[name].fillna(0) * scale).to_numpy().astype(kind).tobytes() for name, kind, scale in columns]
    codes = table["ocean_proximity"].astype(str).map({choice: code for code, choice in enumerate(choices)})
    return b"".join([*parts, codes.to_numpy().astype("u1").tobytes()])


if __name__ == "__main__":
    main()
