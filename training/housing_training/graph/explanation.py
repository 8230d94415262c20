"""What explanations of a price need beside the graph: representative rows, and the fields that matter.

The file `explain/background.json` among a model's files (MLflow puts it into `extra_files/`) holds

- `rows`: some of the rows trained on, the nine fields of each in the contract's order, null for one that was left out.
- `fields`: the fields of a request that the price is computed from.

A server compares the graph's answers for a row with those for the background, field by field: see
`housing_server.explanation.attribution`.
"""

import json
from collections.abc import Mapping

import numpy as np

from housing.contract import FEATURE_NAMES
from housing_training.candidates.pipeline import Pipeline, PricePipeline
from housing_training.data.rows import Rows

BACKGROUND = "background.json"
"""The file's name."""
COUNT = 64
"""Rows of the background: the mean of their prices is that of all within half a percent, since they are not drawn."""


def explanation_files(pipeline: Pipeline, rows: Rows) -> Mapping[str, bytes]:
    """Return the files of the folder by name.

    Args:
        pipeline: what is explained.
        rows: what it was trained on, shape (n, 9).
    """
    kept = background_of(pipeline, rows)
    content = {
        "fields": list(fields_of(pipeline)),
        "rows": [[None if np.isnan(value) else value for value in row] for row in kept.tolist()],
    }
    return {BACKGROUND: (json.dumps(content) + "\n").encode()}


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
