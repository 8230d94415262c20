"""Measuring the mixture where it has never been, and whether kept figures still hold."""

import pandas as pd

from housing_training.data.preparation import fill_ocean_proximity
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
}


def test_every_step_is_reported_and_every_figure_given(table: pd.DataFrame, student_params: TrainParams) -> None:
    """The progress bar fills up exactly, and the figures are those that are promised, the student's too."""
    complete, steps = fill_ocean_proximity(table), []
    evaluation = SpatialEvaluation(student_params, complete.head(240), complete.tail(60))

    figures = evaluation.run(lambda: steps.append(1))

    assert len(steps) == evaluation.steps
    assert set(figures) == {MIXTURE, STUDENT}
    assert set(figures[MIXTURE]) >= NAMES
    assert set(figures[STUDENT]) >= {name for name in NAMES if "without" not in name and "offset" not in name}
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
