"""Explaining prices: contributions that add up, and models that cannot be explained."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format

from explained_models import FIELDS, LIMITS, ExplainedFiles, background, background_rows, california, explained_files
from housing.background import FILE, Background
from housing.features import FEATURE_NAMES
from housing.rows import message_from_row
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.explanation_service_pb2 import ExplainRequest
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.core.admission import Admission
from housing_server.errors import ExplanationNotAvailable, InvalidRequest, ModelNotLoaded, ModelRejected, Overloaded
from housing_server.explanation.attribution import Attributor, coalitions, shapley_weights
from housing_server.explanation.core import ExplanationCore
from housing_server.explanation.model import ExplainedModel
from housing_server.settings import ServerSettings
from housing_server.supervision.process_configs import ProcessConfigs
from serving_fakes import CALLER, Notes

COLUMN = {name: column for column, name in enumerate(FEATURE_NAMES)}


@pytest.fixture(scope="module")
def files() -> ExplainedFiles:
    """A model as the registry holds it."""
    return explained_files()


@pytest.fixture(scope="module")
def model(files: ExplainedFiles, tmp_path_factory: pytest.TempPathFactory) -> ExplainedModel:
    """The same, loaded."""
    return ExplainedModel.load(files.write(tmp_path_factory.mktemp("explained") / "model"))


def test_contributions_add_up_to_the_price(model: ExplainedModel) -> None:
    """On every row, also where fields are left out or a limit cuts, and no row has a base value of its own."""
    explained = model.explain(california(100))
    prices, attribution = explained.estimates.median_house_value, explained.attribution
    sums = attribution.base_value + attribution.contributions.sum(axis=1)
    assert np.abs(sums - prices).max() < 1
    assert all((prices == limit).sum() > 3 for limit in LIMITS)


def test_base_value_is_the_average_answer_for_the_background(model: ExplainedModel) -> None:
    """It is the same for every row, and of the very graph that answers."""
    expected = model.explain(background_rows()).estimates.median_house_value.mean()
    assert model.explain(california(1)).attribution.base_value == pytest.approx(expected)


def test_fields_that_do_not_matter_contribute_nothing(model: ExplainedModel) -> None:
    """The place belongs to longitude and latitude in equal shares."""
    contributions = model.explain(california(20)).attribution.contributions
    for used in FIELDS:
        assert np.abs(contributions[:, COLUMN[used]]).max() > 0
    for unused in set(FEATURE_NAMES) - set(FIELDS):
        assert not contributions[:, COLUMN[unused]].any()
    assert np.array_equal(contributions[:, COLUMN["longitude"]], contributions[:, COLUMN["latitude"]])


def _attributor(predict: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, fields: tuple[str, ...]) -> Attributor:
    return Attributor(predict, Background(rows=rows.tolist(), fields=fields))


def test_contributions_of_a_sum_are_what_each_field_adds_by_itself() -> None:
    """Where fields do not interact, a contribution is the difference from the background's average."""
    rows, slopes = california(40).clip(min=0), np.array([3.0, 0, 5, 7, 0, 0, 11, 13, 0])
    rows[np.isnan(rows)] = 0
    found = _attributor(lambda asked: asked @ slopes, rows, FEATURE_NAMES).attribute(rows[:3])
    expected = slopes * (rows[:3] - rows.mean(axis=0))
    expected[:, [0, 1]] = expected[:, [0, 1]].sum(axis=1, keepdims=True) / 2
    assert found.contributions == pytest.approx(expected, abs=1e-6)


def test_contributions_are_averages_over_all_orders() -> None:
    """By the definition: for each order of the fields, what each changes when it joins those before it."""
    rows, columns = (
        california(4)[:, :].copy(),
        [COLUMN[name] for name in ("total_rooms", "households", "median_income")],
    )

    def predict(asked: np.ndarray) -> np.ndarray:
        rooms, households, income = asked[:, columns].T
        return np.asarray(income * 1_000 + np.minimum(rooms, households) * income)

    fields = tuple(FEATURE_NAMES[column] for column in columns)
    found = _attributor(predict, rows[1:], fields).attribute(rows[:1]).contributions[0]

    expected = np.zeros(len(FEATURE_NAMES))
    orders = list(permutations(columns))
    for order in orders:
        asked = rows[1:].copy()
        for column in order:
            before = predict(asked).mean()
            asked[:, column] = rows[0, column]
            expected[column] += (predict(asked).mean() - before) / len(orders)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("count", range(1, 9))
def test_weights_give_all_that_there_is_to_the_players(count: int) -> None:
    """What all players add is the worth of all less that of none, whatever coalitions are worth."""
    weights = shapley_weights(coalitions(count))
    expected = np.zeros(2**count)
    expected[0], expected[-1] = -1, 1
    assert weights.sum(axis=0) == pytest.approx(expected)


def _without_background(folder: Path) -> None:
    (folder / FILE).unlink()


def _as_pyfunc(folder: Path) -> None:
    (folder / "model.json").write_text(json_format.MessageToJson(ModelDescription(runtime="pyfunc")), "utf-8")


@pytest.mark.parametrize("damage", [_without_background, _as_pyfunc])
def test_model_without_what_explanations_need_says_so(
    damage: Callable[[Path], None], files: ExplainedFiles, tmp_path: Path
) -> None:
    """Models without a background and pyfunc models are served, but not explained."""
    folder = files.write(tmp_path / "model", version="5")
    damage(folder)
    with pytest.raises(ExplanationNotAvailable, match="was registered without the data that explanations need"):
        ExplainedModel.load(folder)


def _described(folder: Path, **changes: object) -> None:
    (folder / FILE).write_text(json.dumps(background() | changes), "utf-8")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (partial(_described, fields=["garden"]), "are not fields of the contract"),
        (partial(_described, rows=[]), "1 to 256 rows of 9 fields"),
        (partial(_described, rows=[[1.0] * 8]), "1 to 256 rows of 9 fields"),
        (partial(_described, rows=[[1.0] * 9] * 257), "1 to 256 rows of 9 fields"),
        (partial(_described, rows=[[None] * 9]), "a required field is missing"),
        (partial(_described, rows=None), "cannot be read"),
        (lambda folder: (folder / FILE).write_text("[]", "utf-8"), "cannot be read"),
        (lambda folder: (folder / FILE).write_text("{", "utf-8"), "cannot be read"),
    ],
)
def test_damaged_backgrounds_are_refused(
    damage: Callable[[Path], object], reason: str, files: ExplainedFiles, tmp_path: Path
) -> None:
    """What cannot be read explains nothing."""
    folder = files.write(tmp_path / "model")
    damage(folder)
    with pytest.raises(ModelRejected, match=reason):
        ExplainedModel.load(folder)


def test_explainer_runs_where_it_is_wanted_and_can(tmp_path: Path) -> None:
    """Where it is switched off, workers have no address of one."""
    wanted, unwanted = (ProcessConfigs(ServerSettings(explainer=explainer), 0, tmp_path) for explainer in ("on", "off"))
    assert wanted.explains
    assert wanted.worker(0).explainer == wanted.explainer().address
    assert not unwanted.explains
    assert not unwanted.worker(0).explainer


@pytest.fixture
def notes() -> Notes:
    """What the core's observer was told."""
    return Notes()


@pytest.fixture
def core(notes: Notes) -> ExplanationCore:
    """A core without a model, where one call may be under way."""
    return ExplanationCore(notes, Admission(notes, max_rows=1, max_queue_seconds=1e9), ThreadPoolExecutor(1))


def _request(seed: int = 0) -> ExplainRequest:
    return ExplainRequest(block_group=message_from_row(california(1, seed)[0].tolist()))


async def test_answer_holds_the_price_and_what_each_field_adds(core: ExplanationCore, model: ExplainedModel) -> None:
    """The fields are those of the contract, in its order."""
    core.model = model
    answer = await core.explain(_request(), CALLER)
    assert tuple(each.field for each in answer.contributions) == FEATURE_NAMES
    total = answer.base_value + sum(each.contribution for each in answer.contributions)
    assert total == pytest.approx(answer.median_house_value, abs=1)
    assert (answer.model_name, answer.model_version) == ("explained", "1")
    assert answer.unbounded_value == pytest.approx(answer.median_house_value, abs=1)
    assert (answer.interval.lower, answer.interval.coverage) == (answer.median_house_value - 20_000, 0.9)


async def test_unusual_block_group_is_explained_with_a_warning(core: ExplanationCore, model: ExplainedModel) -> None:
    """As it would be predicted."""
    core.model = model
    request = _request()
    request.block_group.population, request.block_group.households = 5, 6
    (warning,) = (await core.explain(request, CALLER)).warnings
    assert warning.reason == "HOUSEHOLDS_EXCEED_POPULATION"


async def test_bad_request_is_refused_and_counted(core: ExplanationCore, model: ExplainedModel, notes: Notes) -> None:
    """By the same rules and with the same paths as a prediction."""
    core.model = model
    bad = BlockGroup()
    bad.CopyFrom(_request().block_group)
    bad.latitude = 50
    with pytest.raises(InvalidRequest) as error:
        await core.explain(ExplainRequest(block_group=bad), CALLER)
    assert [each.field for each in error.value.violations] == ["block_group.latitude"]
    assert notes.refusals == [error.value]


async def test_core_without_a_model_says_whether_there_will_be_one(core: ExplanationCore) -> None:
    """Before the first is loaded callers may try again; after one that cannot be explained they hear why."""
    with pytest.raises(ModelNotLoaded):
        await core.explain(_request(), CALLER)
    core.problem = "version 5 is too old"
    with pytest.raises(ExplanationNotAvailable, match="version 5 is too old"):
        await core.explain(_request(), CALLER)


async def test_too_much_under_way_is_refused(core: ExplanationCore, model: ExplainedModel, notes: Notes) -> None:
    """Explanations take long, so their number is bounded too."""
    core.model = model
    core._admission.rows = 1  # pylint: disable=protected-access  # as if a call were under way
    with pytest.raises(Overloaded):
        await core.explain(_request(), CALLER)
    assert notes.reasons == ["rows"]
