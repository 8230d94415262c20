"""What explanations of a price need beside the graph: the experts as XGBoost saves them, and what their columns mean.

The folder `explain/` among a model's files (MLflow puts it into `extra_files/`) holds

- `local.ubj` and `regional.ubj`: the experts, to be read by `xgboost.Booster`. `predict(matrix, pred_contribs=True)`
  gives, for each row, a contribution in USD of each column and, last, the base value.
- `explain.json`:
    - `base`: USD that belong to the base value on top of what the experts say.
    - `limits`: the least and the greatest price that is answered.
    - `columns`: a list, in the order of the matrix, of `{"name": ..., "fields": [...]}`: the fields of a request that
      the column is made from. Its contribution is theirs, in equal shares.
    - `experts`: a list of `{"file": ..., "columns": ...}`, the local one first; each reads that many first columns.

The graph answers, beside the price, `explain_features`, the matrix (float32, shape (N, columns)), and
`explain_weight`, the weight w of the local expert (float64, shape (N,)). So for each row, with contributions c and
base values b,

    price = base + w (b_local + sum c_local) + (1 - w) (b_regional + sum c_regional)

before it is kept within its limits, to within a few cents. Nothing is made from `ocean_proximity`.
"""

import json

from xgboost import XGBRegressor

from housing_training.experts import Experts
from housing_training.located_features import COLUMNS, REGIONAL, fields_of
from housing_training.mixture import MixturePipeline
from housing_training.pipeline import Pipeline

DESCRIPTION = "explain.json"
"""What the columns mean."""


def explanation_files(pipeline: Pipeline) -> dict[str, bytes]:
    """Return the files of the folder by name; none for a pipeline that is not explained."""
    if not isinstance(pipeline, MixturePipeline):
        return {}
    experts = pipeline.experts
    return {
        DESCRIPTION: (json.dumps(_description(experts), indent=2) + "\n").encode(),
        "local.ubj": _saved(experts.local),
        "regional.ubj": _saved(experts.regional),
    }


def _description(experts: Experts) -> dict[str, object]:
    return {
        "base": experts.mean,
        "limits": [experts.floor, experts.ceiling],
        "columns": [{"name": column, "fields": list(fields_of(column))} for column in COLUMNS],
        "experts": [
            {"file": "local.ubj", "columns": len(COLUMNS)},
            {"file": "regional.ubj", "columns": len(REGIONAL)},
        ],
    }


def _saved(booster: XGBRegressor) -> bytes:
    return bytes(booster.get_booster().save_raw("ubj"))
