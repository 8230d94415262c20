"""The check that a compiled graph answers what its pipeline answers."""

from dataclasses import dataclass

import numpy as np
import onnx

from housing.features import FEATURES
from housing.graph import PRICE, PROXIMITY
from housing_training.candidates.pipeline import Pipeline
from housing_training.data.rows import Rows, replaced
from housing_training.errors import ParityError
from housing_training.graph.model import GraphModel

TOLERANCE_USD = 1.0
"""The most that a graph may differ. Features are equal to the bit; what is left is the rounding of some hundred float32
additions at up to 500,000 USD, where a float32 is exact to 0.03. A split that falls the other way costs thousands."""
SINGLE_ROWS = 200
"""How many rows are also run one by one, to check that an answer does not depend on its batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """What a parity check found."""

    answers: int
    """Answers compared."""
    largest_difference_usd: float
    """The largest difference between graph and pipeline, in USD."""


def check_parity(model: onnx.ModelProto, pipeline: Pipeline, rows: Rows) -> Parity:
    """Compare a graph with its pipeline on rows as they are, and with each optional field left out of all of them.

    Raises:
        ParityError: a price differs by more than `TOLERANCE_USD`, a code differs, or an answer depends on its batch.
    """
    graph = GraphModel(model)
    variants = [rows, *(replaced(rows, **{each.name: np.nan}) for each in FEATURES if not each.required)]
    differences = [_difference(graph, pipeline, variant) for variant in variants]
    differences.append(_batch_difference(graph, rows[:SINGLE_ROWS]))
    worst = max(differences)
    if worst > TOLERANCE_USD:
        raise ParityError(f"graph and pipeline differ by up to {worst:,.2f} USD; at most {TOLERANCE_USD} is allowed")
    return Parity(answers=sum(map(len, variants)), largest_difference_usd=round(worst, 2))


def _difference(graph: GraphModel, pipeline: Pipeline, rows: Rows) -> float:
    answer = graph.answer(rows)
    if not np.array_equal(answer[PROXIMITY], pipeline.proximity(rows)):
        raise ParityError("graph and pipeline derive different codes of ocean_proximity")
    return float(np.max(np.abs(answer[PRICE] - pipeline.predict(rows))))


def _batch_difference(graph: GraphModel, rows: Rows) -> float:
    singles = np.concatenate([graph.predict(row[None, :]) for row in rows])
    return float(np.max(np.abs(singles - graph.predict(rows))))
