"""Metrics, the comparison and the pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing.features import FEATURE_NAMES
from housing_training.candidates.estimators import build_candidate
from housing_training.candidates.pipeline import PricePipeline
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.evaluation.comparison import compare, render
from housing_training.evaluation.plots import Measured, draw_all, importance
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.model import GraphModel
from housing_training.metrics.prices import Metrics


@pytest.fixture
def test_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The made-up block groups, complete."""
    return fill_ocean_proximity(table)


@pytest.fixture
def model(test_rows: pd.DataFrame) -> GraphModel:
    """A tree that knows them."""
    estimator = build_candidate("decision_tree", {"max_depth": 3}, seed=1)
    pipeline = PricePipeline.fit(estimator, rows_from_frame(test_rows), prices_from_frame(test_rows))
    return GraphModel(compile_pipeline(pipeline))


def test_metrics_are_what_their_names_say() -> None:
    """Being off by 10 and by 20 percent is measured in dollars, fractions and explained variance."""
    metrics = Metrics.of(np.array([100_000.0, 200_000.0]), np.array([110_000.0, 160_000.0]))

    assert metrics.named("test") == {
        "test_rmse": pytest.approx(29_154.76),
        "test_mae": 25_000.0,
        "test_mape": pytest.approx(0.15),
        "test_r2": pytest.approx(0.66),
    }


def test_folds_are_averaged() -> None:
    """The cross-validated figure is the mean of the folds'."""
    folds = [Metrics(rmse=1, mae=2, mape=0.1, r2=0.5), Metrics(rmse=3, mae=4, mape=0.3, r2=0.7)]

    assert Metrics.mean(folds) == Metrics(rmse=2, mae=3, mape=0.2, r2=0.6)


def test_the_best_is_chosen_by_cross_validation(model: GraphModel, test_rows: pd.DataFrame) -> None:
    """Of two candidates with the same test error, the one that cross-validates better comes first."""
    trained = {"one": {"cv_rmse": 50_000.0, "parity": {}}, "two": {"cv_rmse": 40_000.0, "parity": {}}}

    comparison = compare({"one": model, "two": model}, test_rows, trained)

    assert comparison["best"] == "two"
    assert list(comparison["candidates"]) == ["two", "one"]
    assert set(comparison["candidates"]["two"]) == {"cv_rmse", "test_rmse", "test_mae", "test_mape", "test_r2"}


def test_the_comparison_is_a_line_a_candidate() -> None:
    """People read whole dollars and fractions, best first."""
    figures = {"cv_rmse": 42_314.06, "test_rmse": 41_596.68, "test_mae": 1.0, "test_mape": 0.14876, "test_r2": 0.868}

    header, line = render({"candidates": {"xgboost": figures}}).splitlines()

    assert header.split() == ["cv_rmse", "test_rmse", "test_mae", "test_mape", "test_r2"]
    assert line.split() == ["xgboost", "42,314", "41,597", "1", "0.149", "0.868"]


def test_the_field_that_prices_follow_matters_most(model: GraphModel, test_rows: pd.DataFrame) -> None:
    """In made-up data whose prices follow income alone, shuffling income hurts most."""
    growth = importance(model, rows_from_frame(test_rows), prices_from_frame(test_rows))

    assert set(growth) == set(FEATURE_NAMES)
    assert max(growth, key=growth.__getitem__) == "median_income"


def test_pictures_are_the_same_each_time(model: GraphModel, test_rows: pd.DataFrame, tmp_path: Path) -> None:
    """The four pictures are drawn, and drawing again changes no byte."""
    rows, prices = rows_from_frame(test_rows), prices_from_frame(test_rows)
    for folder in ("first", "second"):
        draw_all("xgboost", Measured.of(model, rows, prices), rows, prices, tmp_path / folder)

    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == ["error_map.png", "feature_importance.png", "predicted_vs_true.png", "residuals.png"]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
