"""A small model that can be explained: a graph that can be worked out by hand, and a background."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ndonnx as ndx
import numpy as np
import onnx
from google.protobuf import json_format
from numpy.typing import NDArray

from housing.background import FILE
from housing.features import FEATURE_NAMES, FEATURES
from housing.v1.model_service_pb2 import Model as ModelDescription
from registries import log_onnx

BASE = 150_000.0
LIMITS = (60_000.0, 300_000.0)
FIELDS = ("longitude", "latitude", "total_rooms", "households", "median_income")
"""The fields that the price is computed from."""
BACKGROUND = 30
"""Rows of the background."""


def california(count: int, seed: int = 0) -> NDArray[np.float64]:
    """Draw valid block groups as rows, shape (count, 9); what may be left out is, now and then."""
    random = np.random.default_rng(seed)
    columns = [
        random.integers(0, len(feature.choices), count)
        if feature.choices
        else random.uniform(feature.minimum or 0, feature.maximum or 0, count)
        for feature in FEATURES
    ]
    rows: NDArray[np.float64] = np.column_stack(columns)
    rows[:, FEATURE_NAMES.index("total_bedrooms")] = rows[:, FEATURE_NAMES.index("total_rooms")].clip(max=50_000)
    for feature in (column for column, feature in enumerate(FEATURES) if not feature.required):
        rows[random.random(count) < 0.1, feature] = np.nan
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedFiles:
    """A model as the registry holds it."""

    graph: onnx.ModelProto
    """From rows to prices."""
    explanation: Mapping[str, bytes]
    """The files of the folder beside it, by name."""

    def write(self, folder: Path, version: str = "1") -> Path:
        """Write them as the registry process leaves them."""
        kept = (folder / FILE).parent
        kept.mkdir(parents=True)
        for name, content in self.explanation.items():
            (kept / name).write_bytes(content)
        (folder / "model.onnx").write_bytes(self.graph.SerializeToString())
        description = ModelDescription(name="explained", version=version, runtime="onnx")
        (folder / "model.json").write_text(json_format.MessageToJson(description), "utf-8")
        return folder

    def log(self) -> None:
        """Log them as a version of the registered model."""
        with TemporaryDirectory() as scratch:
            kept = Path(scratch) / Path(FILE).parent.name
            kept.mkdir()
            for name, content in self.explanation.items():
                (kept / name).write_bytes(content)
            log_onnx(self.graph, [str(kept)])


def explained_files(slope: float = 20_000.0) -> ExplainedFiles:
    """Make a model whose price grows by so much for each unit of income, and where houses are roomy or in the north."""
    return ExplainedFiles(graph=_graph(slope), explanation={Path(FILE).name: json.dumps(background()).encode()})


def background() -> dict[str, Any]:
    """What the file of the background holds."""
    rows = [[None if np.isnan(value) else value for value in row] for row in background_rows().tolist()]
    return {"fields": list(FIELDS), "rows": rows}


def background_rows() -> NDArray[np.float64]:
    """The rows that the model is explained before."""
    return california(BACKGROUND, seed=1)


def _graph(slope: float) -> onnx.ModelProto:
    rows = ndx.argument(shape=("N", len(FEATURE_NAMES)), dtype=ndx.float64)
    longitude, latitude, rooms, households, income = (
        rows[:, FEATURE_NAMES.index(name)]
        for name in ("longitude", "latitude", "total_rooms", "households", "median_income")
    )
    north = ndx.astype(latitude - longitude > 157.0, ndx.float64)
    roomy = ndx.astype(rooms > 3.0 * households, ndx.float64)
    prices = ndx.clip(BASE + slope * (income - 10.0) + 50_000.0 * north + 20_000.0 * roomy * income / 10.0, *LIMITS)
    upper = ndx.minimum(prices + 20_000.0, LIMITS[1])
    outputs = {
        "median_house_value": prices,
        "interval": ndx.stack([prices - 20_000.0, upper], axis=1),
        "interval_upper_open": upper >= LIMITS[1],
    }
    model = ndx.build({"block_groups": rows}, outputs)
    onnx.helper.set_model_props(model, {"features": ",".join(FEATURE_NAMES), "interval_coverage": "0.9"})
    return model
