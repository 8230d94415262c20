"""The golden requests that are kept with each model: servers replay them before they serve it."""

import numpy as np

from housing.features import FEATURES
from housing.golden import GoldenRequests
from housing_training.candidates.pipeline import Pipeline
from housing_training.data.rows import Rows

COUNT = 50
"""How many: enough to pass through most parts of a model, few enough to be replayed at every load."""


def golden_requests(pipeline: Pipeline, test_rows: Rows) -> GoldenRequests:
    """Price some rows, spread evenly over those held out, with the pipeline itself.

    Of every three, one is unchanged, and two lack one of the optional fields.

    Args:
        pipeline: the trained pipeline; not the graph, which is compared with it.
        test_rows: rows that were not trained on, shape (m, 9).
    """
    rows = test_rows[np.linspace(0, len(test_rows) - 1, min(COUNT, len(test_rows)), dtype=int)].copy()
    optional = [column for column, feature in enumerate(FEATURES) if not feature.required]
    for turn, column in enumerate(optional, start=1):
        rows[turn :: len(optional) + 1, column] = np.nan
    # In cents: a forest adds up its trees in the order in which its threads finish, which changes the last bits.
    return GoldenRequests.from_rows(rows.tolist(), pipeline.predict(rows).round(2).tolist())
