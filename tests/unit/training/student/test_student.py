"""The student: what it reads, what it is asked, its graph, and its intervals."""

import json

import numpy as np
import pandas as pd
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument  # pylint: disable=no-name-in-module  # compiled

from housing.features import FEATURE_NAMES
from housing_training.candidates.recipes import Fitted, recipe, recipes
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.rows import PLACE, column, columns, replaced
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.experts.experts import Experts
from housing_training.experts.intervals import Margins
from housing_training.features.domain import FAR
from housing_training.features.located import COLUMNS, COUNTS
from housing_training.geography.places import PlaceTable
from housing_training.geography.proximity import CHOICES
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.model import REQUIRED, GraphModel
from housing_training.graph.parity import TOLERANCE_USD, check_parity
from housing_training.params.schema import MIXTURE, STUDENT, MixtureParams, TrainParams
from housing_training.student.pipeline import StudentPipeline
from housing_training.student.synthetic_rows import SyntheticRows


@pytest.fixture(scope="module")
def rows(made_up: pd.DataFrame) -> np.ndarray:
    """The made-up block groups as rows."""
    return rows_from_frame(fill_ocean_proximity(made_up))


@pytest.fixture(scope="module")
def prices(made_up: pd.DataFrame) -> np.ndarray:
    """Their prices."""
    return prices_from_frame(made_up)


@pytest.fixture(scope="module")
def student(student_fitted: Fitted) -> StudentPipeline:
    """The quick student."""
    assert isinstance(student_fitted.pipeline, StudentPipeline)
    return student_fitted.pipeline


@pytest.fixture(scope="module")
def graph(student: StudentPipeline) -> GraphModel:
    """Its graph."""
    return GraphModel(compile_pipeline(student))


@pytest.fixture(scope="module")
def strewn(rows: np.ndarray) -> np.ndarray:
    """The same block groups anywhere in the contract's range, far-out figures and odd labels among them."""
    random = np.random.default_rng(3)
    positions = random.uniform((-124.6, 32.5), (-114.1, 42.0), (len(rows), 2)).round(2)
    strewn = rows.copy()
    strewn[:, PLACE] = positions
    strewn[:100, columns("total_rooms", "median_income")] *= np.exp(random.normal(0, 3, (100, 5)))
    strewn[::3, column("total_bedrooms")] = np.nan
    return replaced(strewn, ocean_proximity=random.choice([np.nan, *range(len(CHOICES))], len(rows)))


def test_the_graph_answers_what_the_pipeline_answers(
    student: StudentPipeline, graph: GraphModel, rows: np.ndarray, strewn: np.ndarray
) -> None:
    """Prices, bounds, labels and warnings, near the data and anywhere else."""
    for variant in (rows, strewn):
        answer, outputs = graph.answer(variant), student.outputs(variant)
        bounds = student.scale.intervals(outputs)
        assert np.abs(answer["interval"] - bounds).max() <= TOLERANCE_USD
        assert np.array_equal(answer["interval_upper_open"], answer["interval"][:, 1] >= student.scale.ceiling)
        assert np.array_equal(answer["warnings"], student.domain.warned(variant, student.table(variant[:, PLACE])))
        assert np.array_equal(answer["ocean_proximity"], student.proximity(variant))
    assert check_parity(compile_pipeline(student), student, strewn).largest_difference_usd <= TOLERANCE_USD


def test_the_graph_has_the_agreed_surface(student: StudentPipeline, graph: GraphModel) -> None:
    """The same as the mixture's, and no more."""
    properties = {each.key: each.value for each in compile_pipeline(student).metadata_props}

    assert set(graph.outputs) == {
        "median_house_value",
        "ocean_proximity",
        "interval",
        "interval_upper_open",
        "warnings",
    }
    assert properties["interval_coverage"] == "0.9"
    assert json.loads(properties["warnings"]) == student.domain.described()
    assert graph.predict(np.empty((0, 9))).shape == (0,)


@pytest.mark.parametrize("column", REQUIRED)
def test_no_row_without_a_required_field_is_priced(graph: GraphModel, rows: np.ndarray, column: int) -> None:
    """The price and the interval are NaN, or the run fails: never a figure, however many rows there are."""
    for count in (1, 3, 40):
        lacking = rows[:count].copy()
        lacking[-1, column] = np.nan
        try:
            answer = graph.answer(lacking)
        except InvalidArgument:
            continue
        assert np.isnan(answer["median_house_value"]).tolist() == [False] * (count - 1) + [True]
        assert np.isnan(answer["interval"][-1]).all()


def test_open_water_is_warned_of(graph: GraphModel, rows: np.ndarray) -> None:
    """On Lake Tahoe and off the coast, whatever is known on the shore."""
    reasons = [each["reason"] for each in graph.warnings]
    afloat = rows[:2].copy()
    afloat[:, :2], afloat[:, 8] = [(-120.03, 39.10), (-122.70, 37.70)], np.nan

    assert graph.answer(afloat)["warnings"][:, reasons.index(FAR)].all()


def test_the_student_knows_what_its_teacher_knows(student: StudentPipeline, rows: np.ndarray) -> None:
    """Richer block groups are dearer, by about as much as in the data."""
    richer = replaced(rows, median_income=rows[:, column("median_income")] + 2)

    growth = student.predict(richer) - student.predict(rows)

    assert np.median(growth) > 20_000


def test_the_label_does_not_move_the_price(graph: GraphModel, rows: np.ndarray) -> None:
    """It is not among what is read."""
    relabelled = replaced(rows, ocean_proximity=CHOICES.index("NEAR OCEAN"))

    assert np.array_equal(graph.predict(relabelled), graph.predict(rows))


def test_figures_beyond_all_data_are_read_as_the_last_that_are_known(
    student: StudentPipeline, rows: np.ndarray
) -> None:
    """A network would go on in a straight line; the price of a figure beyond the range is that of its end."""
    for name, value in (("median_income", 20.0), ("population", 50_000.0), ("total_rooms", 100_000.0)):
        far, column = rows.copy(), FEATURE_NAMES.index(name)
        far[:, column] = value
        end = far.copy()
        end[:, column] = student.columns.greatest[COUNTS.index(name)]
        assert student.predict(far) == pytest.approx(student.predict(end), abs=1)


def test_widths_are_multiplied_by_margins(student: StudentPipeline, rows: np.ndarray) -> None:
    """Twice as wide below, half as wide above."""
    outputs = student.outputs(rows)

    widths = student.stretched(Margins(below=2.0, above=0.5)).scale.widths_of(outputs)

    assert widths == pytest.approx(student.scale.widths_of(outputs) * (2.0, 0.5))


def test_fitting_again_gives_the_same_bytes(
    student: StudentPipeline, student_params: TrainParams, rows: np.ndarray, prices: np.ndarray
) -> None:
    """Two networks are trained at once, and still the same rows give the same graph on one machine."""
    again = recipe(STUDENT, student_params).fit(rows, prices, lambda: None).pipeline

    first, second = (compile_pipeline(each).SerializeToString(deterministic=True) for each in (student, again))
    assert first == second


def test_the_mixture_is_fitted_once_for_both(student_params: TrainParams, rows: np.ndarray, prices: np.ndarray) -> None:
    """A student after its teacher takes the teacher as it is, and all steps are reported."""
    steps: list[str] = []
    found = recipes(student_params)
    for name in (MIXTURE, STUDENT):
        found[name].fit(rows, prices, lambda name=name: steps.append(name))  # type: ignore[misc]

    assert [steps.count(name) for name in (MIXTURE, STUDENT)] == [found[name].steps for name in (MIXTURE, STUDENT)]


def test_synthetic_rows_are_block_groups(student_params: TrainParams, rows: np.ndarray, prices: np.ndarray) -> None:
    """They lie in the table of places, have no more bedrooms than rooms, and are shown as they are but for bedrooms."""
    mixture = MixtureParams.of(MIXTURE, student_params.candidates[MIXTURE])
    experts = Experts.fit(mixture, rows, prices, 1)
    table = PlaceTable.of(experts.neighbourhood)

    asked, shown = SyntheticRows(experts=experts, rows=rows, table=table, holes=mixture.holes).draw(2_000, 1)

    named = {name: asked[:, COLUMNS.index(name)] for name in COLUMNS}
    changed = (asked != shown).any(axis=0)
    assert asked.shape == shown.shape == (2_000, len(COLUMNS))
    assert np.isfinite(asked).all()
    assert ((named["longitude"] > -124.65) & (named["longitude"] < -114.05)).all()
    assert ((named["latitude"] > 32.45) & (named["latitude"] < 42.05)).all()
    assert (named["total_bedrooms"][:1_800] <= named["total_rooms"][:1_800] * 1.000001).all()
    assert {name for name, differs in zip(COLUMNS, changed, strict=True) if differs} == {
        "total_bedrooms",
        "total_bedrooms_per_total_rooms",
        "total_bedrooms_per_households",
    }
    assert 0.05 < (asked != shown).any(axis=1).mean() < 0.2
