"""Whether the stored figures of a spatial evaluation belong to this training, since parameters and data change."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from housing_training.params.schema import MIXTURE, STUDENT, TrainParams


def fingerprint(params: TrainParams, data_sha256: str) -> str:
    """Hash what an evaluation depends on: the training table, the folds, the seed and hyper-parameters."""
    inputs: Mapping[str, Any] = {
        "data_sha256": data_sha256,
        "seed": params.seed,
        "folds": params.folds,
        **{name: params.candidates[name] for name in (MIXTURE, STUDENT) if name in params.candidates},
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def figures_of(evaluation: Mapping[str, Any], params: TrainParams, data_sha256: str) -> dict[str, dict[str, float]]:
    """Return the figures of an evaluation by candidate, if it belongs to this training; else none."""
    if evaluation["of"] != fingerprint(params, data_sha256):
        return {}
    return dict(evaluation["figures"])
