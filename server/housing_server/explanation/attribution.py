"""From the experts' reasons to what each field of a request adds to the price.

With w the weight of the local expert at the place of the row, c the contributions of columns and b what an expert says
without looking at any, the price before it is kept within limits is

    base + w (b_local + sum c_local) + (1 - w) (b_regional + sum c_regional)
  = [base + b_local]  +  [sum of w c_local + (1 - w) c_regional]  +  [(1 - w) (b_regional - b_local)]

The first bracket is the same for all rows: the base value. The second is shared by the fields that the columns are made
from. The third is what the gate alone adds: it depends on the place, and belongs to longitude and latitude in equal
shares. Where the limits cut, all contributions are scaled by one factor; since the base value is within the limits, it
lies between 0 and 1, so that signs and order stay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from housing.contract import FEATURE_NAMES
from housing_server.explanation.expert import Reasons
from housing_server.explanation.files import ExplanationFiles

_PLACE = [FEATURE_NAMES.index(name) for name in ("longitude", "latitude")]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What the fields of n rows add to their prices, in USD."""

    base_value: float
    """What the model says without looking at any field."""
    contributions: Array
    """What each field adds to it, shape (n, 9), columns in `FEATURES` order."""
    unbounded: Array
    """What both would come to without limits, shape (n,)."""

    @property
    def prices(self) -> Array:
        """What both come to, shape (n,)."""
        prices: Array = self.base_value + self.contributions.sum(axis=1)
        return prices


def attribute(local: Reasons, regional: Reasons, weights: Array, files: ExplanationFiles) -> Attribution:
    """Attribute prices to fields.

    Args:
        local: why the local expert says what it says about n rows.
        regional: the same of the regional expert.
        weights: weight of the local expert, shape (n,).
        files: how columns are shared, and the limits.
    """
    base_value = files.base + local.base
    contributions = _shared(local, weights, files) + _shared(regional, 1 - weights, files)
    gate = (1 - weights) * (regional.base - local.base)
    contributions[:, _PLACE] += gate[:, np.newaxis] / len(_PLACE)
    unbounded = base_value + contributions.sum(axis=1)
    return Attribution(
        base_value=base_value,
        contributions=contributions * _scale(unbounded, base_value, files.limits)[:, np.newaxis],
        unbounded=unbounded,
    )


def _shared(reasons: Reasons, weights: Array, files: ExplanationFiles) -> Array:
    """Share an expert's contributions, as far as it counts, by fields; shape (n, 9)."""
    shared: Array = reasons.contributions @ files.shares[: reasons.contributions.shape[1]]
    return shared * weights[:, np.newaxis]


def _scale(unbounded: Array, base_value: float, limits: tuple[float, float]) -> Array:
    """Tell the share of the contributions that the limits leave, shape (n,)."""
    bounded = np.clip(unbounded, *limits)
    scale = np.ones_like(unbounded)
    np.divide(bounded - base_value, unbounded - base_value, out=scale, where=bounded != unbounded)
    return scale
