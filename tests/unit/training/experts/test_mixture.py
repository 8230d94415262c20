"""The mixture of experts: its experts, its gate, its graph and what explains it."""

import json

import numpy as np
import pandas as pd
import pytest

from housing.features import FEATURE_NAMES
from housing_training.candidates.recipes import recipe
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.rows import PLACE, replaced
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.errors import ParameterError
from housing_training.experts.cross_fitting import area_folds, areas
from housing_training.experts.experts import draw_holes, local_weight
from housing_training.experts.mixture import MixturePipeline
from housing_training.geography.proximity import CHOICES
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.model import GraphModel
from housing_training.graph.parity import TOLERANCE_USD, check_parity
from housing_training.params.schema import MIXTURE, GateParams, HoleParams, MixtureParams, TrainParams

UNSEEN = [-115.0, 41.5]
"""A place in the corner that no block group is near."""


@pytest.fixture
def rows(table: pd.DataFrame) -> np.ndarray:
    """The made-up block groups as rows."""
    return rows_from_frame(fill_ocean_proximity(table))


@pytest.fixture(scope="module")
def graph(mixture: MixturePipeline) -> GraphModel:
    """The graph of the quick mixture."""
    return GraphModel(compile_pipeline(mixture))


def test_the_gate_trusts_the_local_expert_amid_data() -> None:
    """Its weight falls from one through a half at the midpoint to nearly nothing."""
    weights = local_weight(GateParams(midpoint=3, steepness=2), np.array([0.0, 1.0, 3.0, 30.0]))

    assert weights == pytest.approx([1, 0.9, 0.5, 0.01], abs=0.001)


def test_holes_are_the_same_each_time() -> None:
    """The same seed draws the same rows and radii, within the limits given."""
    params = HoleParams(share=0.5, weight=1, nearest_km=3, farthest_km=40)
    rows, radii = draw_holes(params, 100, seed=1)
    again = draw_holes(params, 100, seed=1)

    assert len(set(rows)) == 50
    assert ((radii >= 3) & (radii <= 40)).all()
    assert np.array_equal(rows, again[0])
    assert np.array_equal(radii, again[1])


def test_no_area_is_on_both_sides_of_a_fold(rows: np.ndarray) -> None:
    """What is held out by area has no neighbour in its own square among what is learnt from."""
    groups = areas(rows)

    for learnt, held_out in area_folds(rows, 3):
        assert not set(groups[learnt]) & set(groups[held_out])


def test_the_graph_answers_what_the_pipeline_answers(
    mixture: MixturePipeline, graph: GraphModel, rows: np.ndarray
) -> None:
    """Prices, bounds and warnings agree, on and off the census's grid and far from data."""
    strewn = rows.copy()
    strewn[:, PLACE] = np.random.default_rng(3).uniform((-124.6, 32.5), (-114.1, 42.0), (len(rows), 2))

    for variant in (rows, strewn):
        answered, expected = graph.answer(variant), mixture.answer(variant)
        assert np.abs(answered["interval"] - expected.interval).max() <= TOLERANCE_USD
        assert np.array_equal(answered["interval_upper_open"], expected.interval_upper_open)
        assert np.array_equal(answered["warnings"], expected.warnings)
    parity = check_parity(compile_pipeline(mixture), mixture, strewn)
    assert parity.largest_difference_usd <= TOLERANCE_USD


def test_the_graph_has_the_agreed_surface(graph: GraphModel, mixture: MixturePipeline) -> None:
    """Servers find prices, labels, intervals and warnings under their names, and what they mean in the properties."""
    properties = {each.key: each.value for each in compile_pipeline(mixture).metadata_props}

    assert graph.outputs == (
        "median_house_value",
        "ocean_proximity",
        "interval",
        "interval_upper_open",
        "warnings",
    )
    assert properties["interval_coverage"] == "0.9"
    assert json.loads(properties["warnings"]) == mixture.domain.described()
    assert {name: value.shape for name, value in graph.answer(np.empty((0, 9))).items()} == {
        "median_house_value": (0,),
        "ocean_proximity": (0,),
        "interval": (0, 2),
        "interval_upper_open": (0,),
        "warnings": (0, len(graph.warnings)),
    }


def test_fitting_and_compiling_again_gives_the_same_bytes(
    mixture: MixturePipeline, mixture_params: TrainParams, rows: np.ndarray, table: pd.DataFrame
) -> None:
    """Two threads fit the folds, and still the same rows give the same graph."""
    again = recipe(MIXTURE, mixture_params).fit(rows, prices_from_frame(table), lambda: None).pipeline

    first, second = (compile_pipeline(each).SerializeToString(deterministic=True) for each in (mixture, again))
    assert first == second


def test_bounds_are_around_the_price(graph: GraphModel, rows: np.ndarray) -> None:
    """The price is within its interval, and an upper bound that has reached the highest price says so."""
    answer = graph.answer(rows)
    lower, upper = answer["interval"].T

    assert (lower <= answer["median_house_value"]).all()
    assert (answer["median_house_value"] <= upper).all()
    assert np.array_equal(answer["interval_upper_open"], upper == upper.max())
    assert answer["interval_upper_open"].any()


def test_far_from_data_the_regional_expert_speaks_and_warns(
    mixture: MixturePipeline, graph: GraphModel, rows: np.ndarray
) -> None:
    """In an unseen corner the local expert has next to no weight, and the answer carries a warning."""
    there = replaced(rows, longitude=UNSEEN[0], latitude=UNSEEN[1], ocean_proximity=np.nan)
    reasons = [warning["reason"] for warning in graph.warnings]

    warned = graph.answer(there)["warnings"][:, reasons.index("FAR_FROM_TRAINING_DATA")]

    assert warned.all()
    assert (mixture.experts.estimate(there).weights < 0.5).all()


def test_unusual_figures_are_named(graph: GraphModel, rows: np.ndarray) -> None:
    """Each figure beyond what training has seen gets its own warning, and a figure left out gets none."""
    row = rows[:1].copy()
    row[0, FEATURE_NAMES.index("population")] = 90_000
    row[0, FEATURE_NAMES.index("total_bedrooms")] = np.nan

    warned = graph.answer(row)["warnings"][0]

    outside = [
        each["field"]
        for each, applies in zip(graph.warnings, warned, strict=True)
        if applies and each["reason"] == "OUTSIDE_TRAINING_RANGE"
    ]
    assert outside == ["population"]


@pytest.mark.parametrize(("code", "contradicts"), [(0, True), (1, False), (2, True), (4, True), (np.nan, False)])
def test_a_label_that_cannot_be_is_named(
    graph: GraphModel,
    rows: np.ndarray,
    code: float,
    contradicts: bool,
) -> None:
    """In Fresno only INLAND, or nothing at all, goes without a warning."""
    fresno = replaced(rows[:1], longitude=-119.79, latitude=36.74, ocean_proximity=code)

    answer = graph.answer(fresno)

    assert answer["warnings"][0, -1] == contradicts
    assert graph.warnings[-1]["reason"] == "OCEAN_PROXIMITY_CONTRADICTS_COORDINATES"
    assert answer["ocean_proximity"][0] == (1 if np.isnan(code) else code)


def test_the_label_does_not_move_the_price(graph: GraphModel, rows: np.ndarray) -> None:
    """Where a place lies is read from its coordinates, so a wrong label costs nothing."""
    relabelled = replaced(rows, ocean_proximity=CHOICES.index("NEAR OCEAN"))

    assert np.array_equal(graph.predict(relabelled), graph.predict(rows))


def test_a_regional_expert_must_learn_of_places(mixture_params: TrainParams) -> None:
    """Some of the rounds must see places."""
    wrong = mixture_params.candidates[MIXTURE] | {"rounds_without_place": 20}

    with pytest.raises(ParameterError, match="rounds_without_place must be less than"):
        MixtureParams.of(MIXTURE, wrong)


def test_a_wrong_hyper_parameter_is_named(mixture_params: TrainParams) -> None:
    """The error says where in params.yaml to look."""
    wrong = mixture_params.candidates[MIXTURE] | {"gate": {"midpoint": 0, "steepness": 2}}

    with pytest.raises(ParameterError, match=r"mixture_of_experts: gate\.midpoint: Input should be greater than 0"):
        MixtureParams.of(MIXTURE, wrong)
