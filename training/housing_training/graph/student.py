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
from housing_training.data.rows import LABEL, PLACE, column
from housing_training.features.domain import TrainingDomain, is_far
from housing_training.features.located import COUNTS, FIRST
from housing_training.geography import grid
from housing_training.geography.grid import BLOCK, CELLS_PER_DEGREE, Grid
from housing_training.geography.places import FEATURES
from housing_training.geography.proximity import CHOICES
from housing_training.student.columns import FIGURES, PLACE_NAMES, StudentColumns
from housing_training.student.pipeline import Scale, StudentPipeline
from housing_training.student.teacher import UNIT_USD

CASES = len(CHOICES) + 1
"""Labels that a request may give, and that it gives none."""
MOST_KINDS = 128
"""Kinds of places that a byte can number."""
NO_LABEL = len(CHOICES)
"""Stands for the code of a label that was left out."""
POSITION = 2
"""Columns of longitude and latitude."""
LABEL_COUNTED = POSITION + 1
"""Column of the label's code among what is counted."""
COUNTED = LABEL_COUNTED + 1
"""Columns of what is counted: see `_read`."""

Doubles = npt.NDArray[np.float64]


def student_outputs(pipeline: StudentPipeline, rows: Var) -> Mapping[str, Var]:
    """Build the graph of a student: from rows, double, shape (N, 9), to its outputs by name."""
    given, places = op.cast(rows, to=np.float32), _Places.of(pipeline)
    counted, figures = _read(_filled(given, pipeline.bedrooms_per_household), pipeline.columns)
    row = _row(counted, pipeline.table.grid)
    known = op.cast(op.gather(_const(places.rows), row, axis=0), to=np.float32)
    read = op.concat([op.log(figures), counted, known], axis=1)
    case = _case(read)
    return {
        **_price_and_interval(pipeline.scale, _network(pipeline, read)),
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
    """Fill in what may be left out: an estimate of the bedrooms, and `NO_LABEL`.

    Required fields stay NaN. All of such a row is NaN from then on, and the run is refused when it is looked up.
    """
    fields = [column(name) for name in ("households", "total_rooms")]
    factors = _const([bedrooms_per_household, 1], np.float32)
    at_most = op.mul(op.gather(given, _const(fields, np.int64), axis=1), factors)
    estimate = op.reduce_min(at_most, _const([1], np.int64))
    bedrooms, others = np.zeros((1, len(FEATURE_NAMES))), np.full(len(FEATURE_NAMES), np.nan)
    bedrooms[:, column("total_bedrooms")], others[[column("total_bedrooms"), LABEL.start]] = 1, (0, NO_LABEL)
    stand_ins = op.gemm(estimate, _const(bedrooms, np.float32), _const(others, np.float32))
    return op.where(op.isnan(given), stand_ins, given)


def _read(filled: Var, columns: StudentColumns) -> tuple[Var, Var]:
    """Return what is counted, `COUNTED` columns of whole numbers, and figures within their range, shape (N, figures).

    Counted are the cell from the west and from the south, a one, and the code of the label. All is cut out of rows and
    put into its range at once.
    """
    south_west, last = grid.corners()[0], np.array(grid.shape()) * BLOCK - 1
    matrix = np.zeros((len(FEATURE_NAMES), COUNTED + FIGURES))
    matrix[PLACE, :POSITION] = CELLS_PER_DEGREE * np.eye(POSITION)
    matrix[LABEL, LABEL_COUNTED] = 1
    matrix[FIRST : FIRST + FIGURES, COUNTED:] = np.eye(FIGURES)
    offsets = np.array([*(np.round(-south_west * CELLS_PER_DEGREE) + 0.5), 1, 0, *np.zeros(FIGURES)])
    least, greatest = [0, 0, 1, 0, *columns.least], [*last, 1, NO_LABEL, *columns.greatest]
    read = op.gemm(filled, _const(matrix, np.float32), _const(offsets, np.float32))
    read = op.min([op.max([read, _const(least, np.float32)]), _const(greatest, np.float32)])
    counted, figures = op.split(read, _const([COUNTED, FIGURES], np.int64), axis=1)
    return op.floor(counted), figures


def _row(counted: Var, table: Grid) -> Var:
    """Find the row of the table that each cell is at: int64, shape (N,).

    The row is the block's first one and, in a block with a row for each cell, what cells are counted on from there.
    That is written as a sum of products, whose second factors are what is counted.
    """
    east, north = grid.shape()
    counted_before = grid.block_positions() @ (BLOCK * BLOCK, BLOCK)
    zeros = np.zeros(len(table.steps))
    factors = np.column_stack([table.steps * BLOCK, table.steps, table.firsts - table.steps * counted_before, zeros])
    # What is no cell is the first of one.
    blocks = op.div(op.cast(counted, to=np.int64), _const([BLOCK, BLOCK, CASES, CASES], np.int64))
    found = op.gather_nd(_const(factors.reshape(east, north, 1, 1, COUNTED), np.float32), blocks)
    return op.cast(op.reduce_sum(op.mul(found, counted), _const([1], np.int64), keepdims=0), to=np.int64)


def _network(pipeline: StudentPipeline, values: Var) -> Var:
    """Compute the logarithms of both widths and the price in USD, float32, shape (N, 3)."""
    for matrix, offsets in [_first_layer(pipeline), *pipeline.network.layers[1:-1]]:
        values = op.gemm(values, _const(matrix, np.float32), _const(offsets, np.float32))
        values = op.mul(values, op.sigmoid(values))
    matrix, offsets = _last_layer(pipeline)
    return op.gemm(values, _const(matrix, np.float32), _const(offsets, np.float32))


def _first_layer(pipeline: StudentPipeline) -> tuple[Doubles, Doubles]:
    """Fold what comes before the first layer into it, and let it read cells instead of degrees, and nothing else."""
    matrix, offsets = pipeline.columns.folded(*pipeline.network.layers[0])
    degrees = matrix[FIGURES : FIGURES + POSITION]
    counted = np.zeros((COUNTED, matrix.shape[1]))
    counted[:POSITION] = degrees / CELLS_PER_DEGREE
    parts = [matrix[:FIGURES], counted, matrix[FIGURES + POSITION :], np.zeros((1, matrix.shape[1]))]
    return np.concatenate(parts), offsets + grid.corners()[0] @ degrees


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


def _case(read: Var) -> Var:
    """Number the kind of each place together with the label that was given or not: int64, shape (N,)."""
    factors = np.zeros((FIGURES + COUNTED + len(PLACE_NAMES) + 1, 1))
    factors[FIGURES + LABEL_COUNTED], factors[-1] = 1, CASES
    case = op.cast(op.gemm(read, _const(factors, np.float32)), to=np.int64)
    return op.squeeze(case, _const([1], np.int64))


def _outside(given: Var, domain: TrainingDomain) -> Var:
    """Mark figures beyond the usual, in the columns of their warnings; the first and the last are never marked."""
    start, end = (_const([at], np.int64) for at in (FIRST - 1, FIRST + FIGURES + 1))
    columns = op.slice(given, start, end, _const([1], np.int64))
    below = op.less(columns, _const([-np.inf, *domain.lowest, -np.inf], np.float32))
    return op.or_(below, op.greater(columns, _const([np.inf, *domain.highest, np.inf], np.float32)))


def _const(value: Any, kind: npt.DTypeLike | None = None) -> Var:
    return op.const(np.asarray(value, dtype=kind))
