"""What training has kept with a model to explain it by: the experts behind the graph, and what their columns mean.

`housing_training.explanation` documents the files.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from housing.contract import FEATURE_NAMES
from housing_server.errors import ModelRejected

FOLDER = "extra_files/explain"
"""Where they are in a model's folder: MLflow's `log_model(extra_files=...)` puts files there."""

DESCRIPTION = "explain.json"
"""What the columns mean, among these files."""

_EXPERTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertFile:
    """An expert on disk."""

    path: Path
    """A booster as XGBoost saves it."""
    columns: int
    """How many columns of the matrix it reads, from the first on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationFiles:
    """What a model is explained by."""

    base: float
    """USD of every price that no expert tells of."""
    limits: tuple[float, float]
    """The least and the greatest price that is answered, in USD."""
    shares: NDArray[np.float64]
    """How the columns of the matrix are shared by the fields of a request, shape (columns, 9): rows add up to 1."""
    local: ExpertFile
    """The expert that looks at the neighbourhood."""
    regional: ExpertFile
    """The expert that does not."""


def read_files(folder: Path) -> ExplanationFiles | None:
    """Read what training has kept in a model's folder; None when it has kept nothing.

    Raises:
        ModelRejected: it cannot be read, or tells of other fields than the contract's.
    """
    path = folder / FOLDER / DESCRIPTION
    try:
        return _files(path.parent, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise ModelRejected(f"{path} cannot be read: {error!r}") from error


def _files(folder: Path, described: dict[str, Any]) -> ExplanationFiles:
    experts = [ExpertFile(path=folder / each["file"], columns=int(each["columns"])) for each in described["experts"]]
    if len(experts) != _EXPERTS:
        raise ValueError(f"there must be {_EXPERTS} experts, not {len(experts)}")
    low, high = map(float, described["limits"])
    return ExplanationFiles(
        base=float(described["base"]),
        limits=(low, high),
        shares=np.array([_shares(column["fields"]) for column in described["columns"]]),
        local=experts[0],
        regional=experts[1],
    )


def _shares(fields: Sequence[str]) -> list[float]:
    """Share a column equally by the fields that it is made from."""
    if not fields or not set(fields) <= set(FEATURE_NAMES):
        raise ValueError(f"a column is made from {fields}, which are not fields of the contract")
    return [fields.count(name) / len(fields) for name in FEATURE_NAMES]
