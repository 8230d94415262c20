"""Compiling a fitted pipeline into one ONNX graph, from the raw fields of a request to its price."""

import json
from typing import Any

import ndonnx as ndx
import numpy as np
import onnx
import sklearn.pipeline
import spox
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XgboostFloats
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

from housing.features import FEATURE_NAMES
from housing.graph import (
    COVERAGE_PROPERTY,
    FEATURES_PROPERTY,
    INPUT,
    INTERVAL,
    INTERVAL_UPPER_OPEN,
    PRICE,
    PROXIMITY,
    WARNINGS,
    WARNINGS_PROPERTY,
)
from housing_training.candidates.pipeline import Pipeline, PricePipeline
from housing_training.experts.boosters import Booster
from housing_training.experts.mixture import MixturePipeline
from housing_training.geography.landmarks import Array
from housing_training.graph.model import REQUIRED
from housing_training.graph.student import student_outputs
from housing_training.student.pipeline import StudentPipeline


def compile_pipeline(pipeline: Pipeline) -> onnx.ModelProto:
    """Compile a pipeline.

    The feature engineering is traced, by running the function that training ran on arrays that record each operation;
    converted estimators are appended. The same pipeline gives the same bytes. A row without a
    field that is required gets NaN for its price and its interval, or the run fails; never a figure.

    Raises:
        TypeError: the pipeline is of a kind that has no graph.
    """
    rows = ndx.argument(shape=("N", len(FEATURE_NAMES)), dtype=ndx.float64)
    match pipeline:
        case PricePipeline():
            outputs, properties = _price_outputs(pipeline, rows), {}
        case MixturePipeline():
            outputs, properties = _mixture_outputs(pipeline, rows), _properties(pipeline)
        case StudentPipeline():
            answers = student_outputs(pipeline, rows.unwrap_spox())
            outputs = {name: ndx.asarray(answer) for name, answer in answers.items()}
            properties = _properties(pipeline)
        case _:
            raise TypeError(f"{type(pipeline).__name__} has no graph")
    model = ndx.build({INPUT: rows}, outputs)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {FEATURES_PROPERTY: ",".join(FEATURE_NAMES), **properties})
    onnx.checker.check_model(model, full_check=True)
    return model


def _price_outputs(pipeline: PricePipeline, rows: Array) -> dict[str, Array]:
    engineered = pipeline.features(rows)
    prices = ndx.astype(_estimate(pipeline.estimator, engineered.matrix)[:, 0], ndx.float64) + pipeline.mean
    return {
        PRICE: ndx.clip(prices, pipeline.floor, pipeline.ceiling) + _missing(rows)[:, 0],
        PROXIMITY: ndx.astype(engineered.ocean_proximity, ndx.int64),
    }


def _mixture_outputs(pipeline: MixturePipeline, rows: Array) -> dict[str, Array]:
    answer, missing = pipeline.answer(rows, run=_estimate), _missing(rows)
    return {
        PRICE: answer.price + missing[:, 0],
        PROXIMITY: ndx.astype(answer.ocean_proximity, ndx.int64),
        INTERVAL: answer.interval + missing,
        INTERVAL_UPPER_OPEN: answer.interval_upper_open,
        WARNINGS: answer.warnings,
    }


def _missing(rows: Array) -> Array:
    """Return NaN for rows without a field that is required, and 0 for all others: shape (N, 1)."""
    return 0.0 * ndx.sum(ndx.take(rows, ndx.asarray(np.array(REQUIRED)), axis=1), axis=1, keepdims=True)


def _properties(pipeline: MixturePipeline | StudentPipeline) -> dict[str, str]:
    return {COVERAGE_PROPERTY: str(pipeline.coverage), WARNINGS_PROPERTY: json.dumps(pipeline.domain.described())}


def _estimate(estimator: Any, matrix: Array) -> Array:
    """Append the converted estimator to the features and return its output, shape (N, 1)."""
    linear = isinstance(estimator, sklearn.pipeline.Pipeline)
    features = ndx.astype(matrix, ndx.float64) if linear else matrix
    (output,) = spox.inline(_convert(estimator, linear=linear))(features.unwrap_spox()).values()
    return ndx.asarray(output)


def _convert(estimator: Any, *, linear: bool) -> onnx.ModelProto:
    """Convert an estimator: trees read float32, whose splits are then exact, and linear algebra runs in float64."""
    width = estimator.n_features_in_
    convert, kind = (
        (convert_xgboost, XgboostFloats)
        if isinstance(estimator, Booster)
        else (convert_sklearn, DoubleTensorType if linear else FloatTensorType)
    )
    # Without a name, converters generate a new one each time.
    graph: onnx.ModelProto = convert(estimator, name="estimator", initial_types=[("features", kind([None, width]))])
    return graph
