"""Measuring the mixture where it has never been, and whether kept figures still hold."""

import pandas as pd
import pytest

from housing_training.data.preparation import fill_ocean_proximity
from housing_training.evaluation import spatial
from housing_training.evaluation.spatial import SpatialEvaluation
from housing_training.evaluation.spatial_figures import figures_of, fingerprint
from housing_training.params.schema import MIXTURE, STUDENT, TrainParams

NAMES = {
    "spatial_cv_rmse",
    "spatial_cv_rmse_without_neighbours",
    "spatial_offset_cv_rmse",
    "spatial_offset_cv_rmse_without_neighbours",
    "spatial_interval_coverage",
    "spatial_interval_mean_width",
    "test_rmse_mean_of_seeds",
    "test_rmse_of_fewer_rows_mean_of_seeds",
}


def in_a_hurry(params: TrainParams) -> TrainParams:
    """Change parameters so that a student learns next to nothing: it is fitted again and again."""
    student = dict(params.candidates[STUDENT])
    networks = {name: {**student[name], "epochs": 1} for name in ("network", "tutor")}
    return params.model_copy(update={"candidates": {**params.candidates, STUDENT: student | networks | {"rows": 640}}})


def test_every_step_is_reported_and_every_figure_given(
    table: pd.DataFrame, student_params: TrainParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The progress bar fills up exactly, and the figures are those that are promised, the student's too."""
    monkeypatch.setattr(spatial, "FOLDS", 3)
    monkeypatch.setattr(spatial, "SEEDS", 2)
    complete, steps = fill_ocean_proximity(table), []
    evaluation = SpatialEvaluation(in_a_hurry(student_params), complete.head(240), complete.tail(60))

    figures = evaluation.run(lambda: steps.append(1))

    assert len(steps) == evaluation.steps
    assert set(figures) == {MIXTURE, STUDENT}
    assert set(figures[MIXTURE]) >= NAMES
    assert set(figures[STUDENT]) == set(figures[MIXTURE])
    assert figures[MIXTURE]["spatial_interval_coverage"] > 0.5
    for measured in figures.values():
        assert 0 < measured["spatial_interval_coverage"] <= 1
        assert measured["test_rmse_mean_of_seeds"] <= measured["test_rmse_largest_of_seeds"]


def test_figures_of_other_data_or_parameters_are_not_used(mixture_params: TrainParams) -> None:
    """What was measured with other hyper-parameters, seeds or rows says nothing about this model."""
    kept = {"of": fingerprint(mixture_params, "data"), "figures": {MIXTURE: {"spatial_cv_rmse": 54_000.0}}}

    assert figures_of(kept, mixture_params, "data") == {MIXTURE: {"spatial_cv_rmse": 54_000.0}}
    assert not figures_of(kept, mixture_params, "other data")
    assert not figures_of(kept, mixture_params.model_copy(update={"seed": 2}), "data")
