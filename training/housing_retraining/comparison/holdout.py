"""The held-out rows on which candidate and champion are compared."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from housing.features import FEATURE_NAMES
from housing_retraining.data_versions.version import HELD_OUT
from housing_training.data.rows import PLACE
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.files import artifacts

AREA_DEGREES = 0.5
"""Side of an area."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

KNOWN_BEFORE = "known before"
"""The slice of the rows that are not new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """n rows held out."""

    rows: Floats
    """The rows, shape (n, 9), as models take them."""
    prices: Floats
    """True prices in USD, shape (n,)."""
    labels: npt.NDArray[np.str_]
    """Their `ocean_proximity`, shape (n,)."""
    new: Mask
    """Whether a row was added after the champion was trained, shape (n,)."""

    @classmethod
    def read(cls, work: Path) -> Self:
        """Read the rows that the pipeline held out in a work directory."""
        table = pd.read_parquet(work / artifacts.TEST)
        new = np.array(json.loads((work / HELD_OUT).read_text(encoding="utf-8")), dtype=np.bool_)
        labels = table["ocean_proximity"].to_numpy(dtype=np.str_)
        return cls(rows=rows_from_frame(table), prices=prices_from_frame(table), labels=labels, new=new)

    def areas(self) -> npt.NDArray[np.int64]:
        """Number the areas that rows lie in, squares of `AREA_DEGREES`, shape (n,)."""
        squares = np.floor(self.rows[:, PLACE] / AREA_DEGREES).astype(np.int64)
        return np.unique(squares, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def slices(self) -> list[tuple[str, str, Mask]]:
        """Return slices: what the rows are cut by, the name of the slice, and a mask of its rows, shape (n,)."""
        income, age = self._column("median_income"), self._column("housing_median_age")
        cuts = [("rows", KNOWN_BEFORE, ~self.new), ("rows", "new", self.new)]
        cuts += [("ocean_proximity", str(label), self.labels == label) for label in np.unique(self.labels)]
        cuts += [
            ("median_income", name, mask) for name, mask in _bands(income, np.quantile(income, (0.2, 0.4, 0.6, 0.8)))
        ]
        cuts += [("housing_median_age", name, mask) for name, mask in _bands(age, np.array([10.0, 20, 30, 40]))]
        return [each for each in cuts if each[2].any()]

    def _column(self, name: str) -> Floats:
        return self.rows[:, FEATURE_NAMES.index(name)]


def _bands(values: Floats, edges: Floats) -> list[tuple[str, Mask]]:
    """Cut values into bands at edges; an edge belongs to the band below it."""
    bounds = [-np.inf, *edges.tolist(), np.inf]
    return [(_band(low, high), (low < values) & (values <= high)) for low, high in pairwise(bounds)]


def _band(low: float, high: float) -> str:
    lower, upper = (f"over {low:.4g}" if np.isfinite(low) else ""), (f"to {high:.4g}" if np.isfinite(high) else "")
    return " ".join(filter(None, (lower, upper)))
