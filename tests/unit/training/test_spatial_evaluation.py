"""Measuring the mixture where it has never been, and whether kept figures still hold."""

import pandas as pd

from housing_training.params import TrainParams
from housing_training.preparation import fill_ocean_proximity
from housing_training.spatial_evaluation import SpatialEvaluation
from housing_training.spatial_figures import figures_of, fingerprint

NAMES = {
    "spatial_cv_rmse",
    "spatial_cv_rmse_without_neighbours",
    "spatial_offset_cv_rmse",
    "spatial_offset_cv_rmse_without_neighbours",
    "spatial_interval_coverage",
    "spatial_interval_mean_width",
    "test_rmse_mean_of_seeds",
}


def test_every_step_is_told_and_every_figure_given(table: pd.DataFrame, mixture_params: TrainParams) -> None:
    """The progress bar fills up exactly, and the figures are those that are promised."""
    complete, steps = fill_ocean_proximity(table), []
    evaluation = SpatialEvaluation(mixture_params, complete.head(240), complete.tail(60))

    figures = evaluation.run(lambda: steps.append(1))

    assert len(steps) == evaluation.steps
    assert set(figures) >= NAMES
    assert 0.5 < figures["spatial_interval_coverage"] <= 1
    assert figures["test_rmse_mean_of_seeds"] <= figures["test_rmse_largest_of_seeds"]


def test_figures_of_other_data_or_parameters_are_not_used(mixture_params: TrainParams) -> None:
    """What was measured with other hyper-parameters, seeds or rows says nothing about this model."""
    kept = {"of": fingerprint(mixture_params, "data"), "figures": {"spatial_cv_rmse": 54_000.0}}

    assert figures_of(kept, mixture_params, "data") == {"spatial_cv_rmse": 54_000.0}
    assert not figures_of(kept, mixture_params, "other data")
    assert not figures_of(kept, mixture_params.model_copy(update={"seed": 2}), "data")
