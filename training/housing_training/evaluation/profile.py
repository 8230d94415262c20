"""The profile that is kept with each model: what the monitor compares live inputs and answers with."""

import numpy as np
import numpy.typing as npt

from housing.features import FEATURES
from housing.graph import PRICE
from housing.profile import tally
from housing.v1.model_profile_pb2 import Distribution, ExpectedErrors, ModelProfile
from housing_training.data.rows import Prices, Rows, column

BINS = 10
"""How many bins numbers are put in, with about as many rows in each; two more are for what is out of their range.

With few bins a window of 500 rows separates a shift from chance: see docs/monitoring.md."""


def model_profile(train_rows: Rows, predicted: Prices, expected_errors: ExpectedErrors | None = None) -> ModelProfile:
    """Describe a model.

    Args:
        train_rows: the rows it was trained on, shape (n, 9).
        predicted: its prices, in USD, for rows held out, shape (m,).
        expected_errors: the errors to expect of its answers; None where they are not known.
    """
    return ModelProfile(
        inputs=[
            _of_text(feature.name, feature.choices, train_rows[:, column(feature.name)])
            if feature.choices
            else _of_numbers(feature.name, train_rows[:, column(feature.name)])
            for feature in FEATURES
        ],
        # In cents: the last bits of a price differ by machine.
        median_house_value=_of_numbers(PRICE, predicted.round(2)),
        expected_errors=expected_errors,
    )


def _of_text(name: str, choices: tuple[str, ...], codes: npt.NDArray[np.float64]) -> Distribution:
    return _counted(Distribution(name=name, categories=choices), codes)


def _of_numbers(name: str, values: npt.NDArray[np.float64]) -> Distribution:
    # Edges are values that occur; where many rows share one, several quantiles are one edge.
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1), method="inverted_cdf"))
    return _counted(Distribution(name=name, edges=edges.tolist()), values)


def _counted(distribution: Distribution, values: npt.NDArray[np.float64]) -> Distribution:
    distribution.counts.extend(tally(distribution, values.tolist()))
    distribution.missing = int(np.isnan(values).sum())
    return distribution
