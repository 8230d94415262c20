"""Whether the figures of a spatial evaluation, which are kept, speak of this training: parameters and data change."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from housing_training.params.schema import MIXTURE, STUDENT, TrainParams


def fingerprint(params: TrainParams, data_sha256: str) -> str:
    """Hash what an evaluation speaks of: the training table, the folds, the seed and the mixture's hyper-parameters."""
    spoken_of: Mapping[str, Any] = {
        "data_sha256": data_sha256,
        "seed": params.seed,
        "folds": params.folds,
        **{name: params.candidates[name] for name in (MIXTURE, STUDENT) if name in params.candidates},
    }
    return hashlib.sha256(json.dumps(spoken_of, sort_keys=True).encode()).hexdigest()


def figures_of(evaluation: Mapping[str, Any], params: TrainParams, data_sha256: str) -> dict[str, dict[str, float]]:
    """Return the figures of an evaluation by candidate, if it speaks of this training; else none."""
    if evaluation["of"] != fingerprint(params, data_sha256):
        return {}
    return dict(evaluation["figures"])
