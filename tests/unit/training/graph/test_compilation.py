"""Compiling pipelines, and the check that compares them with their graphs."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from housing.features import FEATURE_NAMES
from housing_training.candidates.estimators import build_candidate
from housing_training.candidates.pipeline import PricePipeline
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.errors import ParityError
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.model import REQUIRED, GraphModel
from housing_training.graph.parity import TOLERANCE_USD, check_parity

CANDIDATES: dict[str, dict[str, Any]] = {
    "linear_regression": {},
    "decision_tree": {"max_depth": 6},
    "random_forest": {"n_estimators": 5},
    "xgboost": {"n_estimators": 20},
}


@pytest.fixture
def rows(table: pd.DataFrame) -> np.ndarray:
    """The made-up block groups as rows."""
    return rows_from_frame(fill_ocean_proximity(table))


@pytest.fixture(params=CANDIDATES)
def pipeline(request: pytest.FixtureRequest, table: pd.DataFrame, rows: np.ndarray) -> PricePipeline:
    """Each candidate, fitted on them."""
    estimator = build_candidate(request.param, CANDIDATES[request.param], seed=1)
    return PricePipeline.fit(estimator, rows, prices_from_frame(table))


def test_a_graph_answers_what_its_pipeline_answers(pipeline: PricePipeline, rows: np.ndarray) -> None:
    """Prices are the same to the dollar, on rows as they are and with optional fields left out."""
    parity = check_parity(compile_pipeline(pipeline), pipeline, rows)

    assert parity.answers == 3 * len(rows)
    assert parity.largest_difference_usd <= TOLERANCE_USD


def test_a_graph_has_the_agreed_surface(pipeline: PricePipeline, rows: np.ndarray) -> None:
    """Servers find one input, two outputs, and the list of features that the graph was made for."""
    model = compile_pipeline(pipeline)

    assert [each.name for each in model.graph.input] == ["block_groups"]
    assert [each.name for each in model.graph.output] == ["median_house_value", "ocean_proximity"]
    assert {each.key: each.value for each in model.metadata_props} == {"features": ",".join(FEATURE_NAMES)}
    assert GraphModel(model).predict(rows[:0]).shape == (0,)


def test_sets_of_rows_are_priced_as_if_alone(pipeline: PricePipeline, rows: np.ndarray) -> None:
    """Prices come in the order of the sets, whichever is finished first."""
    graph = GraphModel(compile_pipeline(pipeline))

    prices = graph.predict_each([rows, rows[:5], rows[::-1]])

    assert [each.tolist() for each in prices] == [graph.predict(each).tolist() for each in (rows, rows[:5], rows[::-1])]


@pytest.mark.parametrize("column", REQUIRED)
def test_a_row_without_a_required_field_has_no_price(pipeline: PricePipeline, rows: np.ndarray, column: int) -> None:
    """NaN is answered instead of a figure, for that row and no other."""
    graph = GraphModel(compile_pipeline(pipeline))
    lacking = rows[:3].copy()
    lacking[1, column] = np.nan

    prices = graph.predict(lacking)

    assert np.isnan(prices).tolist() == [False, True, False]
    assert np.array_equal(prices[::2], graph.predict(rows[:3])[::2])


def test_compiling_twice_gives_the_same_bytes(pipeline: PricePipeline) -> None:
    """DVC sees a new model only when there is one."""
    first, second = compile_pipeline(pipeline), compile_pipeline(pipeline)

    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_prices_stay_within_those_learnt_from(pipeline: PricePipeline, rows: np.ndarray) -> None:
    """However extreme the block group, the answer is a price that somebody has paid."""
    extreme = np.repeat(rows[:1], 2, axis=0)
    extreme[:, FEATURE_NAMES.index("median_income")] = (0.0, 20.0)
    extreme[:, FEATURE_NAMES.index("total_rooms")] = (1.0, 100_000.0)

    prices = GraphModel(compile_pipeline(pipeline)).predict(extreme)

    assert (prices >= pipeline.floor).all()
    assert (prices <= pipeline.ceiling).all()


def test_a_graph_of_another_pipeline_is_found_out(pipeline: PricePipeline, rows: np.ndarray) -> None:
    """A pipeline that has changed since its graph was compiled fails the check, with the difference named."""
    model = compile_pipeline(pipeline)
    changed = dataclasses.replace(pipeline, mean=pipeline.mean + 2 * TOLERANCE_USD)

    with pytest.raises(ParityError, match=r"differ by up to 2\.\d\d USD"):
        check_parity(model, changed, rows)
