"""A small model that can be explained: two boosters and a gate between them, as training compiles the real one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ndonnx as ndx
import numpy as np
import onnx
import spox
from google.protobuf import json_format
from numpy.typing import NDArray
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from xgboost import XGBRegressor

from housing.contract import FEATURE_NAMES, FEATURES
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.explanation.files import DESCRIPTION, FOLDER
from registries import NAME

BASE = 150_000.0
LIMITS = (60_000.0, 300_000.0)
COLUMNS = (
    ("median_income", ["median_income"]),
    ("rooms_per_household", ["total_rooms", "households"]),
    ("longitude_plus_latitude", ["longitude", "latitude"]),
    ("latitude", ["latitude"]),
)
"""Columns of the matrix; the regional expert reads the first two."""
REGIONAL = 2


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
    """From rows to prices and what explains them."""
    explanation: Mapping[str, bytes]
    """The files of the folder beside it, by name."""

    def write(self, folder: Path, version: str = "1") -> Path:
        """Write them as the registry process leaves them."""
        kept = folder / FOLDER
        kept.mkdir(parents=True)
        for name, content in self.explanation.items():
            (kept / name).write_bytes(content)
        (folder / "model.onnx").write_bytes(self.graph.SerializeToString())
        description = ModelDescription(name="explained", version=version, runtime="onnx")
        (folder / "model.json").write_text(json_format.MessageToJson(description), "utf-8")
        return folder

    def log(self) -> None:
        """Log them as a version of the registered model."""
        import mlflow.onnx  # noqa: PLC0415 - takes seconds, and not every test needs it

        with TemporaryDirectory() as scratch:
            kept = Path(scratch) / Path(FOLDER).name
            kept.mkdir()
            for name, content in self.explanation.items():
                (kept / name).write_bytes(content)
            mlflow.onnx.log_model(self.graph, name="model", registered_model_name=NAME, extra_files=[str(kept)])


def explained_files(slope: float = 20_000.0) -> ExplainedFiles:
    """Fit a model whose price grows by so much for each unit of income, and with the latitude in the north."""
    columns = matrix(learnt())
    income, north = columns[:, 0], (columns[:, 3] > 37) * 50_000.0
    local = _fitted(columns, slope * (income - 10) + north)
    regional = _fitted(columns[:, :REGIONAL], slope * (income - 10) + 10_000)
    return ExplainedFiles(
        graph=_graph(local, regional),
        explanation={
            DESCRIPTION: json.dumps(description()).encode(),
            "local.ubj": bytes(local.get_booster().save_raw("ubj")),
            "regional.ubj": bytes(regional.get_booster().save_raw("ubj")),
        },
    )


def description() -> dict[str, Any]:
    """What the columns mean."""
    return {
        "base": BASE,
        "limits": LIMITS,
        "columns": [{"name": name, "fields": fields} for name, fields in COLUMNS],
        "experts": [
            {"file": "local.ubj", "columns": len(COLUMNS)},
            {"file": "regional.ubj", "columns": REGIONAL},
        ],
    }


def learnt() -> NDArray[np.float64]:
    """The rows that the experts are fitted on."""
    return california(2_000, seed=1)


def _fitted(columns: NDArray[np.float32], prices: NDArray[np.floating[Any]]) -> XGBRegressor:
    return XGBRegressor(n_estimators=20, max_depth=3, learning_rate=0.3, n_jobs=1).fit(columns, prices)


def matrix(rows: Any) -> Any:
    """What the experts read: float32, shape (n, columns)."""
    xp = rows.__array_namespace__()
    longitude, latitude, rooms, households, income = (rows[:, at : at + 1] for at in (0, 1, 3, 6, 7))
    columns = xp.concat([income, rooms / households, longitude + latitude, latitude], axis=1)
    return xp.astype(columns, xp.float32)


def _graph(local: XGBRegressor, regional: XGBRegressor) -> onnx.ModelProto:
    rows = ndx.argument(shape=("N", len(FEATURE_NAMES)), dtype=ndx.float64)
    columns = matrix(rows)
    weights = (rows[:, 1] - 32.5) / 9.5  # grows from south to north
    experts = [_asked(booster, columns) for booster in (local, regional)]
    prices = ndx.clip(BASE + weights * experts[0] + (1.0 - weights) * experts[1], *LIMITS)
    upper = ndx.minimum(prices + 20_000.0, LIMITS[1])
    outputs = {
        "median_house_value": prices,
        "interval": ndx.stack([prices - 20_000.0, upper], axis=1),
        "interval_upper_open": upper >= LIMITS[1],
        "explain_features": columns,
        "explain_weight": weights,
    }
    model = ndx.build({"block_groups": rows}, outputs)
    onnx.helper.set_model_props(model, {"features": ",".join(FEATURE_NAMES), "interval_coverage": "0.9"})
    return model


def _asked(booster: XGBRegressor, columns: Any) -> Any:
    width = booster.n_features_in_
    graph = convert_xgboost(booster, name="expert", initial_types=[("features", FloatTensorType([None, width]))])
    (output,) = spox.inline(graph)(columns[:, :width].unwrap_spox()).values()
    return ndx.astype(ndx.asarray(output)[:, 0], ndx.float64)
