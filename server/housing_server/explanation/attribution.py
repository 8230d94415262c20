"""Exact Shapley values: the contribution of each field of a request to the model's price.

The players are the fields of a block group; longitude and latitude are one player, the place, since the longitude of
one place with the latitude of another is often in the sea. The worth of a coalition is the mean price when its fields
are those of the row to explain, and the others those of each background row in turn. A player's contribution is its
marginal worth, averaged over all orders of the players. (Interventional Shapley values: Lundberg and Lee 2017; Janzing,
Minorics and Bloebaum 2020.) All coalitions are computed, so nothing is sampled, and the contributions add up to the
price exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from housing.background import Background
from housing.features import COLUMNS, FEATURE_NAMES

PLACE = ("longitude", "latitude")
"""The fields that form one player."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The contributions of the fields of n rows to their prices, in USD."""

    base_value: float
    """The mean price of the background."""
    contributions: Array
    """The contribution of each field, shape (n, 9), columns in `FEATURES` order."""

    @property
    def prices(self) -> Array:
        """The sum of both, shape (n,)."""
        prices: Array = self.base_value + self.contributions.sum(axis=1)
        return prices


class Attributor:
    """Attributes a model's prices to fields."""

    def __init__(self, predict: Callable[[Array], Array], background: Background) -> None:
        """Precompute what all rows share.

        Args:
            predict: the model: prices in USD, shape (n,), of rows, shape (n, 9).
            background: the background rows, and the fields that the price depends on.
        """
        self._predict = predict
        self._background = np.array(background.rows, dtype=np.float64)
        self._players = players(background.fields)
        self._coalitions = coalitions(len(self._players))
        self._shares = shapley_weights(self._coalitions)
        self.base_value = float(predict(self._background).mean())
        """The mean price of the background, in USD."""

    def attribute(self, rows: Array) -> Attribution:
        """Attribute the prices of rows, shape (n, 9), to their fields."""
        contributions = np.zeros((len(rows), len(FEATURE_NAMES)))
        for row, added in zip(rows, contributions, strict=True):
            for player, usd in zip(self._players, self._shares @ self._worth(row), strict=True):
                added[player] = usd / len(player)
        return Attribution(base_value=self.base_value, contributions=contributions)

    def _worth(self, row: Array) -> Array:
        """Compute the worth of each coalition, in USD: shape (coalitions,)."""
        worth = np.empty(len(self._coalitions))
        # The empty coalition is worth the base value; the full one, with all fields that matter, the price itself.
        worth[0], worth[-1] = self.base_value, self._predict(row[None, :])[0]
        partial = self._coalitions[1:-1]
        from_row = np.zeros((len(partial), len(row)), dtype=bool)
        for player, fields in enumerate(self._players):
            from_row[:, fields] = partial[:, player, None]
        mixed = np.where(from_row[:, None, :], row, self._background)
        prices = self._predict(mixed.reshape(-1, mixed.shape[-1]))
        worth[1:-1] = prices.reshape(len(partial), -1).mean(axis=1)
        return worth


def players(fields: tuple[str, ...]) -> list[list[int]]:
    """Return the columns of each player, in the order of `FEATURES`, the place first."""
    place = [COLUMNS[name] for name in PLACE if name in fields]
    others = [[COLUMNS[name]] for name in fields if name not in PLACE]
    return [place, *others] if place else others


def coalitions(count: int) -> NDArray[np.bool_]:
    """List all coalitions of `count` players, from none to all, as membership masks, shape (2 ** count, count)."""
    return (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool)


def shapley_weights(members: NDArray[np.bool_]) -> Array:
    """Return the weight of each coalition's worth in each player's contribution, shape (players, coalitions).

    With n players, a coalition of size s has weight (s - 1)! (n - s)! / n! if it contains the player, and
    -s! (n - s - 1)! / n! otherwise (Shapley 1953).
    """
    count, size = members.shape[1], members.sum(axis=1)
    orders = [math.factorial(each) * math.factorial(count - 1 - each) / math.factorial(count) for each in range(count)]
    padded = np.array([0.0, *orders, 0.0])
    weights: Array = np.where(members.T, padded[size], -padded[size + 1])
    return weights
