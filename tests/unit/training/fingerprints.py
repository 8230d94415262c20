"""Hashes of what training makes of a small table: run as a program, under one processor's settings after the other.

The table has many block groups at each place, which is where the order of neighbours could depend on the processor.
"""

import hashlib
import json
from typing import Any

import numpy as np

from housing_training.candidates.recipes import recipe
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.explanation import explanation_files
from housing_training.graph.golden import golden_requests
from housing_training.params.schema import MIXTURE, STUDENT, TrainParams

ROWS = 900
NETWORK = {
    "hidden": [16, 16],
    "epochs": 20,
    "batch": 64,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "averaging": 0.98,
}
QUICK = {"n_estimators": 20, "max_depth": 5, "learning_rate": 0.2}
CANDIDATES: dict[str, dict[str, Any]] = {
    "linear_regression": {},
    MIXTURE: {
        "local": QUICK,
        "regional": QUICK,
        "rounds_without_place": 5,
        "gate": {"midpoint": 3, "steepness": 2},
        "holes": {"share": 0.5, "weight": 0.5, "nearest_km": 3, "farthest_km": 40},
        "interval": {"coverage": 0.9, "area_folds": 2, "error": QUICK},
    },
}
STUDENTS: dict[str, dict[str, Any]] = {
    MIXTURE: CANDIDATES[MIXTURE],
    STUDENT: {"rows": 6_000, "network": NETWORK, "tutor": NETWORK, "tutor_share": 0.5},
}


def table() -> tuple[np.ndarray, np.ndarray]:
    """Draw rows, shape (n, 9), at 150 places, and their prices in USD, by arithmetic that is exact on any processor."""
    rng = np.random.default_rng(3)
    places = rng.integers((-1230, 330), (-1160, 400), (ROWS // 6, 2))[rng.integers(ROWS // 6, size=ROWS)] / 10
    households = rng.integers(50, 900, ROWS)
    rooms, bedrooms, people = (households + rng.integers(0, most, ROWS) for most in (4000, 500, 2000))
    rooms = rooms + bedrooms
    income = rng.integers(50, 1200, ROWS) / 100
    prices = income * 35_000 + rng.integers(-10_000, 10_000, ROWS) + 20_000
    left_out = np.full(ROWS, np.nan)
    columns = [*places.T, rng.integers(1, 52, ROWS), rooms, bedrooms, people, households, income, left_out]
    return np.column_stack(columns).astype(np.float64), prices


def sha256(content: bytes) -> str:
    """Hash bytes."""
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Print the hashes by name, and the student's prices, as JSON."""
    rows, prices = table()
    params = TrainParams(seed=1, folds=2, candidates=CANDIDATES)
    found: dict[str, str] = {}
    for name in CANDIDATES:
        pipeline = recipe(name, params).fit(rows, prices, lambda: None).pipeline
        made = {
            "graph": compile_pipeline(pipeline).SerializeToString(deterministic=True),
            "golden requests": golden_requests(pipeline, rows).to_json().encode(),
            **explanation_files(pipeline, rows),
        }
        found |= {f"{name}: {what}": sha256(content) for what, content in made.items()}
    student = recipe(STUDENT, params.model_copy(update={"candidates": STUDENTS})).fit(rows, prices, lambda: None)
    found_prices = student.pipeline.predict(rows).tolist()
    print(json.dumps({"hashes": found, "student": found_prices}))  # noqa: T201 - what this program is for


if __name__ == "__main__":
    main()
