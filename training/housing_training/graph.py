"""Compiling a fitted pipeline into one ONNX graph, from the raw fields of a request to its price."""

from typing import Any

import ndonnx as ndx
import onnx
import spox
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XgboostFloats
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.pipeline import Pipeline
from xgboost import XGBRegressor

from housing.contract import FEATURE_NAMES
from housing_training.geography import Array
from housing_training.graph_model import INPUT, PRICE, PROXIMITY
from housing_training.pipeline import PricePipeline


def compile_pipeline(pipeline: PricePipeline) -> onnx.ModelProto:
    """Compile a pipeline.

    The feature engineering is traced, by running the very function that training ran on arrays that write down what is
    done to them; the estimator is converted and put in behind it. The same pipeline gives the same bytes.
    """
    rows = ndx.argument(shape=("N", len(FEATURE_NAMES)), dtype=ndx.float64)
    engineered = pipeline.features(rows)
    prices = _estimate(pipeline.estimator, engineered.matrix) + pipeline.mean
    codes = ndx.astype(engineered.ocean_proximity, ndx.int64)
    model = ndx.build({INPUT: rows}, {PRICE: ndx.clip(prices, pipeline.floor, pipeline.ceiling), PROXIMITY: codes})
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"features": ",".join(FEATURE_NAMES)})
    onnx.checker.check_model(model, full_check=True)
    return model


def _estimate(estimator: Any, matrix: Array) -> Array:
    """Put the converted estimator behind the features: prices less their mean, float64, shape (N,)."""
    linear = isinstance(estimator, Pipeline)
    features = ndx.astype(matrix, ndx.float64) if linear else matrix
    (output,) = spox.inline(_convert(estimator, linear=linear))(features.unwrap_spox()).values()
    return ndx.astype(ndx.asarray(output)[:, 0], ndx.float64)


def _convert(estimator: Any, *, linear: bool) -> onnx.ModelProto:
    """Convert an estimator: trees read float32, whose splits are then exact, and linear algebra runs in float64."""
    width = estimator.n_features_in_
    convert, kind = (
        (convert_xgboost, XgboostFloats)
        if isinstance(estimator, XGBRegressor)
        else (convert_sklearn, DoubleTensorType if linear else FloatTensorType)
    )
    # Without a name, converters make a new one each time.
    graph: onnx.ModelProto = convert(estimator, name="estimator", initial_types=[("features", kind([None, width]))])
    return graph
