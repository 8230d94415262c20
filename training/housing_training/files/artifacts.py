"""The files that stages exchange, relative to the root of the repository, and how they are written.

The same content is always written as the same bytes, because DVC decides by them what has changed.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

PARAMS = Path("training/params.yaml")
"""The parameters of a run."""
RAW = Path("data/raw/california_housing.parquet")
"""The table as fetched."""
TRAIN = Path("data/processed/train.parquet")
"""The rows to train on."""
TEST = Path("data/processed/test.parquet")
"""The rows held out."""
MODELS = Path("training/models")
"""A graph for each candidate, `<name>.onnx`, its golden requests, `<name>.golden.json`, and what explanations need, in
a folder named for `housing.background.FOLDER`."""
TRAINING_REPORT = Path("training/reports/training.json")
"""Cross-validated metrics and parity of each candidate."""
COMPARISON = Path("training/reports/comparison.json")
"""All metrics of each candidate, and which is best."""
PLOTS = Path("training/reports/plots")
"""A folder of pictures for each candidate."""
PROFILES = Path("training/reports/profiles")
"""The profile of each candidate, `<name>.json`."""
CARDS = Path("training/reports/cards")
"""A folder for each candidate: its card, `card.md`, and the folder `card` with the card's pictures."""
SPATIAL_EVALUATION = Path("training/spatial_evaluation/figures.json")
"""How good the mixture of experts is in areas left out. Committed, since computing it takes minutes."""
REGISTERED = Path("var/registered.json")
"""What was registered last."""


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path, index=False)


def write_json(content: Any, path: Path) -> None:
    """Write JSON, indented for people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))
