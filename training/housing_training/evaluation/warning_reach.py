"""How far from known block groups the warning about places far from data is silent."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from housing.graph import WARNINGS
from housing_training.data.rows import Rows
from housing_training.geography.grid import block_centres
from housing_training.geography.neighbours import plane
from housing_training.graph.model import GraphModel

KILOMETRES = (0, 2, 5, 10, 25, np.inf)
"""Distances to the nearest known block group, between which places are counted."""
REASON = "FAR_FROM_TRAINING_DATA"
"""The warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Places at about the same distance from what is known."""

    name: str
    """How far, in kilometres."""
    places: int
    """How many places there are, on a grid of 0.05 degree over the contract's range."""
    warned: float
    """Share of them that the warning is given for."""


def warning_reach(graph: GraphModel, known: Rows) -> list[Reach]:
    """Ask a graph about places everywhere, given the rows that it was trained on, shape (n, 9); nearest ones first."""
    reasons = [each["reason"] for each in graph.warnings]
    if REASON not in reasons:
        return []
    places = block_centres()
    asked = np.tile(np.nanmedian(known, axis=0), (len(places), 1))
    asked[:, :2], asked[:, -1] = places, np.nan
    warned = graph.answer(asked)[WARNINGS][:, reasons.index(REASON)]
    distances, _ = cKDTree(plane(known[:, :2])).query(plane(places))
    bands = [(low, high, (low <= distances) & (distances < high)) for low, high in pairwise(KILOMETRES)]
    return [
        Reach(name=_name(low, high), places=int(band.sum()), warned=round(float(warned[band].mean()), 5))
        for low, high, band in bands
        if band.any()
    ]


def _name(low: float, high: float) -> str:
    return f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"
