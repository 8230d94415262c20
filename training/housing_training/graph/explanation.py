"""What explanations of a price need beside the graph: representative rows, and the fields that matter."""

from collections.abc import Mapping

import numpy as np

from housing.background import NAME, Background
from housing.features import FEATURE_NAMES
from housing_training.candidates.pipeline import Pipeline, PricePipeline
from housing_training.data.rows import Rows

COUNT = 64
"""Rows of the background: the mean of their prices is that of all within half a percent, since they are not drawn."""


def explanation_files(pipeline: Pipeline, rows: Rows) -> Mapping[str, bytes]:
    """Return the files of the folder by name.

    Args:
        pipeline: what is explained.
        rows: what it was trained on, shape (n, 9).
    """
    background = Background(rows=background_of(pipeline, rows).tolist(), fields=fields_of(pipeline))
    return {NAME: background.to_json().encode()}


def background_of(pipeline: Pipeline, rows: Rows) -> Rows:
    """Pick rows whose prices are spread as all rows' are: the middle one of each of `COUNT` parts, cheapest first."""
    cheapest_first = np.argsort(pipeline.predict(rows).round(2), kind="stable")
    count = min(COUNT, len(rows))
    middles = ((np.arange(count) + 0.5) * len(rows) / count).astype(int)
    kept: Rows = rows[cheapest_first[middles]]
    return kept


def fields_of(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the fields that a pipeline computes prices from: the label is read by those with one estimator alone."""
    if isinstance(pipeline, PricePipeline):
        return FEATURE_NAMES
    return tuple(name for name in FEATURE_NAMES if name != "ocean_proximity")
