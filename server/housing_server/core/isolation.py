"""Isolation of failing rows: a row that the model fails on fails alone, whichever rows it shares a run with.

A model's outputs are checked before they become answers. A failed run is bisected until the rows at fault are found;
the number of runs is bounded, so that a model that fails on everything costs little.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from housing.features import FEATURES
from housing_server.core.model import Estimates, Intervals, PriceModel, Rows

_MAX_RUNS = 256
"""Enough to find each of a hundred failing rows; rows that are not tried by then fail with the others."""
_FEW_ROWS = 16
"""Up to this many rows plain Python is faster than NumPy."""
_MAX_REASON = 200
"""Error messages of models are truncated to this length."""
_LABELS = next(len(feature.choices) for feature in FEATURES if feature.name == "ocean_proximity")
_UNSOUND = "its price or interval is not finite, the interval is out of order, or its label is unknown"
_NO_FAILURES: Mapping[int, str] = MappingProxyType({})


Run: TypeAlias = Callable[[Callable[[Rows], Estimates], Rows], Estimates]
"""Calls a model's `estimate` with rows."""


class Estimated(NamedTuple):
    """The outcome of estimating n rows."""

    estimates: Estimates | None
    """Outputs for the rows that succeeded, in their order; None when none did."""
    failures: Mapping[int, str]
    """The cause of each failure, by the index of the row."""


def _call(estimate: Callable[[Rows], Estimates], rows: Rows) -> Estimates:
    return estimate(rows)


def estimate_each(model: PriceModel, rows: Rows, *, run: Run = _call, all_or_none: bool = False) -> Estimated:
    """Estimate one price per row, and report the failures of single rows.

    Args:
        model: computes the prices.
        rows: float64, shape (n, 9), n at least 1.
        run: performs each run of the model.
        all_or_none: whether to stop at the first row that fails.
    """
    try:
        estimates = run(model.estimate, rows)
        unsound = sound_rows(estimates, len(rows), len(model.warnings)) is not None
    except Exception:  # pylint: disable=broad-exception-caught  # the search runs into it again
        unsound = True
    if not unsound:
        return Estimated(estimates, _NO_FAILURES)
    search = _Search(model, rows, run, all_or_none)
    search.estimate(np.arange(len(rows)))
    return Estimated(_joined(search.parts), search.failures)


class _Search:
    """Runs a model on rows, and on ever smaller subsets where it fails."""

    def __init__(self, model: PriceModel, rows: Rows, run: Run, all_or_none: bool) -> None:
        self.parts: list[Estimates] = []
        """Outputs of the runs that succeeded, in the order of the rows."""
        self.failures: dict[int, str] = {}
        """The cause of each failure, by the index of the row."""
        self._model = model
        self._rows = rows
        self._run = run
        self._all_or_none = all_or_none
        self._runs_left = _MAX_RUNS

    def estimate(self, which: NDArray[np.intp]) -> None:
        """Estimate the rows with these indexes."""
        if self._all_or_none and self.failures:
            return
        try:
            self._runs_left -= 1
            rows = self._rows[which] if len(which) < len(self._rows) else self._rows
            estimates = self._run(self._model.estimate, rows)
            sound = sound_rows(estimates, len(which), len(self._model.warnings))
        except Exception as error:  # pylint: disable=broad-exception-caught  # a model may raise anything
            self._split(which, f"{type(error).__name__}: {error}"[:_MAX_REASON])
        else:
            self._keep(which, estimates, sound)

    def _keep(self, which: NDArray[np.intp], estimates: Estimates, sound: NDArray[np.bool_] | None) -> None:
        if sound is None:
            self.parts.append(estimates)
        elif sound.any():
            self.parts.append(_some(estimates, sound))
            self._fail(which[~sound], _UNSOUND)
        else:  # one row may have spoilt the others
            self._split(which, _UNSOUND)

    def _split(self, which: NDArray[np.intp], reason: str) -> None:
        if len(which) == 1 or self._runs_left <= 0:
            self._fail(which, reason)
            return
        for half in np.array_split(which, 2):
            self.estimate(half)

    def _fail(self, which: NDArray[np.intp], reason: str) -> None:
        self.failures |= dict.fromkeys(which.tolist(), reason)


def sound_rows(estimates: Estimates, count: int, warnings: int) -> NDArray[np.bool_] | None:
    """Check the outputs of a model.

    Args:
        estimates: the outputs.
        count: the number of rows.
        warnings: the number of warnings that the model declares.

    Returns:
        Which rows have a sound answer, shape (count,); None when all do.

    Raises:
        ValueError: an array has the wrong shape or type.
    """
    prices, labels, interval = estimates.median_house_value, estimates.ocean_proximity, estimates.interval
    _check_arrays(estimates, count, warnings)
    if count <= _FEW_ROWS and _is_plainly_sound(estimates):
        return None
    sound: NDArray[np.bool_] = np.isfinite(prices) & (labels >= -1) & (labels < _LABELS)
    if interval is not None:
        lower, upper = interval.bounds.T
        sound &= (lower > -math.inf) & (lower <= upper) & (upper < math.inf)  # NaN is false in each
    return None if sound.all() else sound


def _check_arrays(estimates: Estimates, count: int, warnings: int) -> None:
    _check_array(estimates.median_house_value, (count,), "fiu")
    _check_array(estimates.ocean_proximity, (count,), "iu")
    if estimates.interval is not None:
        _check_array(estimates.interval.bounds, (count, 2), "fiu")
        _check_array(estimates.interval.upper_open, (count,), "b")
    if estimates.warned is not None:
        _check_array(estimates.warned, (count, warnings), "b")


def _check_array(array: NDArray[Any], shape: tuple[int, ...], kinds: str) -> None:
    if array.shape != shape or array.dtype.kind not in kinds:
        raise ValueError(f"an output is {array.dtype} of shape {array.shape}, where {shape} was expected")


def _is_plainly_sound(estimates: Estimates) -> bool:
    prices, labels = estimates.median_house_value.tolist(), estimates.ocean_proximity.tolist()
    bounds = [] if estimates.interval is None else estimates.interval.bounds.tolist()
    return (
        all(map(math.isfinite, prices))
        and min(labels) >= -1
        and max(labels) < _LABELS
        and all(-math.inf < lower <= upper < math.inf for lower, upper in bounds)
    )


def _some(estimates: Estimates, which: NDArray[np.bool_]) -> Estimates:
    interval, warned = estimates.interval, estimates.warned
    return Estimates(
        median_house_value=estimates.median_house_value[which],
        ocean_proximity=estimates.ocean_proximity[which],
        interval=None
        if interval is None
        else Intervals(bounds=interval.bounds[which], upper_open=interval.upper_open[which]),
        warned=None if warned is None else warned[which],
    )


def _joined(parts: Sequence[Estimates]) -> Estimates | None:
    if len(parts) <= 1:
        return parts[0] if parts else None
    intervals = [part.interval for part in parts if part.interval is not None]
    warned = [part.warned for part in parts if part.warned is not None]
    return Estimates(
        median_house_value=np.concatenate([part.median_house_value for part in parts]),
        ocean_proximity=np.concatenate([part.ocean_proximity for part in parts]),
        interval=Intervals(
            bounds=np.concatenate([each.bounds for each in intervals]),
            upper_open=np.concatenate([each.upper_open for each in intervals]),
        )
        if intervals
        else None,
        warned=np.concatenate(warned) if warned else None,
    )
