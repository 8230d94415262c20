"""The student as one slim graph, of as few operators as can be: for one row, each costs as much as its arithmetic.

The arithmetic is that of `StudentPipeline`, folded: ratios, diagonals and scales are in the first matrix, the unit of
the price is in the last, and labels and warnings about a place are one lookup. The parity check compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from housing.features import FEATURE_NAMES
from housing.graph import INTERVAL, INTERVAL_UPPER_OPEN, PRICE, PROXIMITY, WARNINGS
from housing_training.data.rows import column
from housing_training.features.domain import TrainingDomain, is_far
from housing_training.features.located import COUNTS, FIRST
from housing_training.geography import grid
from housing_training.geography.grid import BLOCK, CELLS_PER_DEGREE, Grid
from housing_training.geography.places import FEATURES
from housing_training.geography.proximity import CHOICES
from housing_training.graph.model import REQUIRED
from housing_training.student.columns import FIGURES, PLACE_NAMES, StudentColumns
from housing_training.student.pipeline import Scale, StudentPipeline
from housing_training.student.teacher import UNIT_USD

CASES = len(CHOICES) + 1
"""Labels that a request may give, and that it gives none."""
MOST_KINDS = 128
"""Kinds of places that a byte can number."""
POSITION = 2
"""Columns of longitude and latitude."""

Doubles = npt.NDArray[np.float64]


def student_outputs(pipeline: StudentPipeline, rows: Var) -> Mapping[str, Var]:
    """Build the graph of a student: from rows, double, shape (N, 9), to its outputs by name."""
    given, places = op.cast(rows, to=np.float32), _Places.of(pipeline)
    filled = _filled(given, pipeline.bedrooms_per_household)
    cells = _cells(filled)
    known = op.cast(op.gather(_const(places.rows), _row(cells, pipeline.table.grid), axis=0), to=np.float32)
    case = _case(given, known)
    read = [_logarithms(filled, pipeline.columns), cells, known, op.gather(given, _const(REQUIRED), axis=1)]
    return {
        **_price_and_interval(pipeline.scale, _network(pipeline, op.concat(read, axis=1))),
        PROXIMITY: op.gather(_const(places.labels), case),
        WARNINGS: op.or_(_outside(given, pipeline.domain), op.gather(_const(places.warnings), case, axis=0)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """The table of places, and what follows from the kind of a place and the label that a request gives."""

    rows: npt.NDArray[np.int8]
    """What the student reads of each row of the table, and its kind, shape (rows, names + 1)."""
    labels: npt.NDArray[np.int64]
    """The label that is used, shape (kinds * cases,)."""
    warnings: npt.NDArray[np.bool_]
    """The warnings about the place and the label, shape (kinds * cases, warnings)."""

    @classmethod
    def of(cls, pipeline: StudentPipeline) -> "_Places":
        """Build these tables from a student's table of places."""
        table = pipeline.table.rows.astype(np.float64)
        features, labels = table[:, : len(FEATURES)], table[:, len(FEATURES) :].astype(np.int64)
        kinds, numbers = np.unique(np.column_stack([labels[:, :2], is_far(table)]), axis=0, return_inverse=True)
        if len(kinds) > MOST_KINDS:
            raise ValueError(f"{len(kinds)} kinds of places, {MOST_KINDS} at most fit a byte")
        given = np.arange(CASES)
        derived, plausible, far = (column[:, None] for column in kinds.T)
        warnings = np.zeros((len(kinds), CASES, len(COUNTS) + 2), bool)
        warnings[:, :, 0] = far
        warnings[:, :, -1] = (given < len(CHOICES)) & ((plausible >> given) % 2 == 0)
        return cls(
            rows=np.column_stack([pipeline.columns.in_bytes(features), numbers]).astype(np.int8),
            labels=np.where(given < len(CHOICES), given, derived).ravel(),
            warnings=warnings.reshape(-1, warnings.shape[-1]),
        )


def _filled(given: Var, bedrooms_per_household: float) -> Var:
    """Put the estimate of the bedrooms where any field was left out, so that all that is looked up is in the tables."""
    households, rooms = (_columns(given, column(name), 1) for name in ("households", "total_rooms"))
    estimate = op.min([op.mul(households, _const(np.float32(bedrooms_per_household))), rooms])
    return op.where(op.isnan(given), estimate, given)


def _cells(filled: Var) -> Var:
    """Count the cell of each row from the west and from the south: whole float32, shape (N, 2)."""
    matrix = np.zeros((len(FEATURE_NAMES), POSITION), np.float32)
    matrix[:POSITION] = CELLS_PER_DEGREE * np.eye(POSITION)
    south_west, _ = grid.corners()
    counted = op.gemm(filled, _const(matrix), _const(np.round(-south_west * CELLS_PER_DEGREE) + 0.5, np.float32))
    last = _const(np.array(grid.shape()) * BLOCK - 1, np.float32)
    return op.floor(op.min([op.max([counted, _const(np.float32(0))]), last]))


def _row(cells: Var, table: Grid) -> Var:
    """Find the row of the table that each cell is at: int64, shape (N,).

    The row is the block's first one and, in a block with a row for each cell, what cells are counted on from there.
    That is written as a sum of two products, whose second factors are 1 and the number of the cell.
    """
    east, north = grid.shape()
    counted_before = grid.block_positions() @ (BLOCK * BLOCK, BLOCK)
    factors = np.column_stack([table.firsts - table.steps * counted_before, table.steps]).reshape(east, north, 2)
    blocks = op.div(op.cast(cells, to=np.int64), _const(np.int64(BLOCK)))
    number = op.gemm(cells, _const([[0, BLOCK], [0, 1]], np.float32), _const([1, 0], np.float32))
    products = op.mul(op.gather_nd(_const(factors, np.float32), blocks), number)
    return op.cast(op.reduce_sum(products, _const([1], np.int64), keepdims=0), to=np.int64)


def _logarithms(filled: Var, columns: StudentColumns) -> Var:
    figures = _columns(filled, FIRST, FIGURES)
    return op.log(op.min([op.max([figures, _const(columns.least)]), _const(columns.greatest)]))


def _network(pipeline: StudentPipeline, values: Var) -> Var:
    """Compute the logarithms of both widths and the price in USD, float32, shape (N, 3)."""
    for matrix, offsets in [_first_layer(pipeline), *pipeline.network.layers[1:-1]]:
        values = op.gemm(values, _const(matrix, np.float32), _const(offsets, np.float32))
        values = op.mul(values, op.sigmoid(values))
    matrix, offsets = _last_layer(pipeline)
    return op.gemm(values, _const(matrix, np.float32), _const(offsets, np.float32))


def _first_layer(pipeline: StudentPipeline) -> tuple[Doubles, Doubles]:
    """Fold what comes before the first layer into it, and let it read cells instead of degrees and no kind of place.

    Required fields are read as they came, too, with weights of 0: where one is NaN, so is all that follows.
    """
    matrix, offsets = pipeline.columns.folded(*pipeline.network.layers[0])
    degrees = matrix[FIGURES : FIGURES + POSITION]
    offsets = offsets + grid.corners()[0] @ degrees
    unread = np.zeros((1 + len(REQUIRED), matrix.shape[1]))
    parts = [matrix[:FIGURES], degrees / CELLS_PER_DEGREE, matrix[FIGURES + POSITION :], unread]
    return np.concatenate(parts), offsets


def _last_layer(pipeline: StudentPipeline) -> tuple[Doubles, Doubles]:
    """Fold the price's unit and all means into the last layer, and the price last, where a split leaves one column."""
    units, means = np.array([UNIT_USD, 1, 1]), np.array([pipeline.scale.price, *pipeline.scale.widths])
    matrix, offsets = pipeline.network.layers[-1]
    return np.roll(matrix * units, -1, axis=1), np.roll(offsets * units + means, -1)


def _price_and_interval(scale: Scale, outputs: Var) -> dict[str, Var]:
    widths, price = op.split(op.cast(outputs, to=np.float64), axis=1, num_outputs=2)
    floor, ceiling = (_const(np.float64(limit)) for limit in (scale.floor, scale.ceiling))
    price = op.clip(price, floor, ceiling)
    around = op.add(price, op.mul(op.exp(widths), _const([[-1.0, 1.0]], np.float64)))
    interval = op.clip(around, floor, ceiling)
    upper = op.gather(interval, _const(np.int64(1)), axis=1)
    return {
        PRICE: op.squeeze(price, _const([1], np.int64)),
        INTERVAL: interval,
        INTERVAL_UPPER_OPEN: op.greater_or_equal(upper, ceiling),
    }


def _case(given: Var, known: Var) -> Var:
    """Number the kind of each place together with the label that was given or not: int64, shape (N,)."""
    code = op.gather(given, _const(np.int64(column("ocean_proximity"))), axis=1)
    code = op.where(op.isnan(code), _const(np.float32(CASES - 1)), code)
    kind = op.gather(known, _const(np.int64(len(PLACE_NAMES))), axis=1)
    return op.cast(op.add(op.mul(kind, _const(np.float32(CASES))), code), to=np.int64)


def _outside(given: Var, domain: TrainingDomain) -> Var:
    """Mark figures beyond the usual, in the columns of their warnings; the first and the last are never marked."""
    columns = _columns(given, FIRST - 1, FIGURES + 2)
    below = op.less(columns, _const([-np.inf, *domain.lowest, -np.inf], np.float32))
    return op.or_(below, op.greater(columns, _const([np.inf, *domain.highest, np.inf], np.float32)))


def _columns(values: Var, first: int, count: int) -> Var:
    start, end = (_const([at], np.int64) for at in (first, first + count))
    return op.slice(values, start, end, _const([1], np.int64))


def _const(value: Any, kind: npt.DTypeLike | None = None) -> Var:
    return op.const(np.asarray(value, dtype=kind))
