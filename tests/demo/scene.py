"""The folder that the walk happens in: the pipeline, a light recipe, and what a young service knows of California."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from housing_retraining.runs.work_directory import make_work_directory
from housing_training.files import artifacts
from running import ROOT

KNOWN = "data/known.csv"
"""The rows that the first model learns from: the north, and few of the south."""
SOLD = "blocks.csv"
"""Homes of the south, with the prices that they were sold for later."""
NEW = "new.csv"
"""The other rows of the south."""
CALLS = "calls.json"
"""Requests for ghz, from the north."""

ENVIRONMENT = {
    "HOUSING_RETRAINING_SETTLE_SECONDS": "1",
    "HOUSING_RETRAINING_SCAN_SECONDS": "2",
    "HOUSING_RETRAINING_NICENESS": "0",
    "HOUSING_RETRAINING_ON_DEGRADATION": "off",
    "HOUSING_RETRAINING_SHADOW_SECONDS": "120",
    "HOUSING_RETRAINING_SHADOW_ROWS": "300",
    "HOUSING_MODEL_POLL_SECONDS": "2",
    "HOUSING_MONITOR_SECONDS": "2",
}
"""Settings that make a service impatient enough to be watched. Drift would ask for a retraining, too: before there are
new rows, or beside the one that they ask for."""

_SOUTH_OF = 35.5
_KNOWN_SHARE = 8
_SOLD_ROWS = 1000
_CALLS = 500


def make_scene(root: Path) -> None:
    """Fill a folder with the pipeline and the files that the walk names."""
    rows = pd.read_parquet(ROOT / artifacts.RAW).sample(frac=1, random_state=1)
    south, north = rows[rows.latitude < _SOUTH_OF], rows[rows.latitude >= _SOUTH_OF]
    few = len(south) // _KNOWN_SHARE
    make_work_directory(ROOT, root, data_sha256="0" * 64, alias="champion")
    _choose_recipe(root / artifacts.PARAMS)
    pd.concat([north, south.head(few)]).to_csv(root / KNOWN, index=False)
    south.iloc[few : few + _SOLD_ROWS].to_csv(root / SOLD, index=False)
    south.iloc[few + _SOLD_ROWS :].to_csv(root / NEW, index=False)
    (root / CALLS).write_text(json.dumps([*map(_request, _asked(north))]))
    (root / "data/incoming").mkdir()
    (root / ".venv").symlink_to(sys.prefix)


def _choose_recipe(path: Path) -> None:
    """Leave a small mixture of experts and a candidate that it beats, which train in a minute."""
    params: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    mixture = params["train"]["candidates"]["mixture_of_experts"]
    mixture["local"] |= {"n_estimators": 60, "learning_rate": 0.12}
    mixture["regional"] |= {"n_estimators": 24, "learning_rate": 0.25}
    mixture["interval"]["area_folds"], mixture["interval"]["error"]["n_estimators"] = 2, 30
    params["train"] |= {"folds": 2, "candidates": {"linear_regression": {}, "mixture_of_experts": mixture}}
    params["fetch"] = {"source": KNOWN, "sha256": None}
    path.write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")


def _asked(rows: pd.DataFrame) -> list[dict[str, Any]]:
    asked = rows.sample(_CALLS, random_state=3).drop(columns="median_house_value")
    return [{str(name): value for name, value in row.items()} for row in asked.to_dict("records")]


def _request(row: dict[str, Any]) -> dict[str, Any]:
    return {"block_group": {name: value for name, value in row.items() if not pd.isna(value)}}
