"""Explaining prices: contributions that add up, and models that cannot be explained."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from google.protobuf import json_format

from explained_models import LIMITS, ExplainedFiles, california, description, explained_files, learnt, matrix
from housing.contract import FEATURE_NAMES, message_from_row
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.explanation_service_pb2 import ExplainRequest
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.core.admission import Admission
from housing_server.errors import ExplanationNotAvailable, InvalidRequest, ModelNotLoaded, ModelRejected, Overloaded
from housing_server.explanation.attribution import attribute
from housing_server.explanation.core import ExplanationCore
from housing_server.explanation.expert import Reasons
from housing_server.explanation.files import DESCRIPTION, FOLDER, ExpertFile, ExplanationFiles
from housing_server.explanation.model import ExplainedModel
from housing_server.settings import ServerSettings
from housing_server.supervision.process_configs import ProcessConfigs
from registries import income_graph
from serving_fakes import CALLER, Notes

COLUMN = {name: column for column, name in enumerate(FEATURE_NAMES)}
NO_FILE = ExpertFile(path=Path("none"), columns=2)


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
    explained = model.explain(california(1_000))
    prices, attribution = explained.estimates.median_house_value, explained.attribution
    sums = attribution.base_value + attribution.contributions.sum(axis=1)
    assert np.abs(sums - prices).max() < 1
    assert all((prices == limit).sum() > 10 for limit in LIMITS)
    unbounded = np.clip(attribution.unbounded, *LIMITS)
    assert np.abs(unbounded - prices).max() < 1


def test_base_value_is_the_average_answer_of_the_local_expert(model: ExplainedModel, files: ExplainedFiles) -> None:
    """It is what is said about the rows learnt from, on average."""
    booster = xgboost.Booster(model_file=bytearray(files.explanation["local.ubj"]))
    answers = booster.predict(xgboost.DMatrix(matrix(learnt())))
    base_value = model.explain(california(1)).attribution.base_value
    assert base_value == pytest.approx(description()["base"] + answers.mean(), abs=1)


def test_columns_are_shared_by_the_fields_they_are_made_from(model: ExplainedModel) -> None:
    """A ratio belongs to both its fields in equal shares; a field of no column contributes nothing."""
    contributions = model.explain(california(50)).attribution.contributions
    assert np.abs(contributions[:, COLUMN["total_rooms"]]).max() > 0
    np.testing.assert_allclose(contributions[:, COLUMN["total_rooms"]], contributions[:, COLUMN["households"]])
    for unused in ("ocean_proximity", "population", "total_bedrooms", "housing_median_age"):
        assert not contributions[:, COLUMN[unused]].any()


def _attribute(weight: float, local: Reasons, regional: Reasons) -> Any:
    shares = np.zeros((2, len(FEATURE_NAMES)))
    shares[0, COLUMN["median_income"]] = 1
    shares[1, [COLUMN["longitude"], COLUMN["latitude"]]] = 0.5
    files = ExplanationFiles(base=100.0, limits=(50.0, 200.0), shares=shares, local=NO_FILE, regional=NO_FILE)
    return attribute(local, regional, np.array([weight]), files)


def test_experts_count_by_the_weight_of_the_place_and_the_gate_belongs_to_it() -> None:
    """By hand: base 100 + 8; income 0.25 * 40 + 0.75 * 20; place 0.25 * 4 and 0.75 * (2 - 8) from the gate."""
    found = _attribute(0.25, Reasons(np.array([[40.0, 4.0]]), 8.0), Reasons(np.array([[20.0]]), 2.0))
    assert found.base_value == 108
    assert found.contributions[0, COLUMN["median_income"]] == 25
    assert found.contributions[0, COLUMN["longitude"]] == found.contributions[0, COLUMN["latitude"]] == -1.75
    assert found.unbounded == found.prices == 129.5


@pytest.mark.parametrize(("income", "limit"), [(300.0, 200.0), (-300.0, 50.0)])
def test_limit_scales_all_contributions_alike(income: float, limit: float) -> None:
    """Signs and proportions stay, and the sum is the limit."""
    found = _attribute(1.0, Reasons(np.array([[income, -income / 10]]), 0.0), Reasons(np.zeros((1, 1)), 0.0))
    assert found.prices == pytest.approx([limit])
    assert found.unbounded == 100 + income * 0.9
    ratio = found.contributions[0, COLUMN["longitude"]] / found.contributions[0, COLUMN["median_income"]]
    assert ratio == pytest.approx(-0.05)
    assert np.sign(found.contributions[0, COLUMN["median_income"]]) == np.sign(income)


def _without_files(folder: Path) -> None:
    (folder / FOLDER / DESCRIPTION).unlink()


def _as_pyfunc(folder: Path) -> None:
    (folder / "model.json").write_text(json_format.MessageToJson(ModelDescription(runtime="pyfunc")), "utf-8")


def _other_graph(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(income_graph().SerializeToString())


@pytest.mark.parametrize("damage", [_without_files, _as_pyfunc, _other_graph])
def test_model_without_what_explanations_need_says_so(
    damage: Callable[[Path], None], files: ExplainedFiles, tmp_path: Path
) -> None:
    """Older models, pyfunc models and graphs of one estimator are served, but not explained."""
    folder = files.write(tmp_path / "model", version="5")
    damage(folder)
    with pytest.raises(ExplanationNotAvailable, match="was registered without what explanations need"):
        ExplainedModel.load(folder)


def _described(folder: Path, **changes: object) -> None:
    (folder / FOLDER / DESCRIPTION).write_text(json.dumps(description() | changes), "utf-8")


def _damaged_booster(folder: Path) -> None:
    (folder / FOLDER / "regional.ubj").write_bytes(b"{")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_damaged_booster, "is not a booster that XGBoost can load"),
        (lambda folder: (folder / FOLDER / "local.ubj").unlink(), "is not a booster that XGBoost can load"),
        (partial(_described, columns=[{"name": "garden", "fields": ["garden"]}]), "not fields of the contract"),
        (partial(_described, columns=[{"name": "nothing", "fields": []}]), "not fields of the contract"),
        (partial(_described, experts=[{"file": "local.ubj", "columns": 4}]), "must be 2 experts, not 1"),
        (partial(_described, limits=None), "cannot be read"),
        (lambda folder: (folder / FOLDER / DESCRIPTION).write_text("{", "utf-8"), "cannot be read"),
        (partial(_described, experts=[{"file": "regional.ubj", "columns": 4}] * 2), "reads 2 columns, not 4"),
        (partial(_described, base=150_005.0), "do not add up to its prices: they are off by"),
    ],
)
def test_files_that_are_damaged_or_not_of_the_model_are_refused(
    damage: Callable[[Path], object], reason: str, files: ExplainedFiles, tmp_path: Path
) -> None:
    """What would explain another price than the one answered explains none."""
    folder = files.write(tmp_path / "model")
    damage(folder)
    with pytest.raises(ModelRejected, match=reason):
        ExplainedModel.load(folder)


def test_explainer_runs_where_it_is_wanted_and_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without XGBoost there is none, and workers are told of none."""
    wanted, unwanted = (ProcessConfigs(ServerSettings(explainer=explainer), 0, tmp_path) for explainer in ("on", "off"))
    assert wanted.explains
    assert wanted.worker(0).explainer == wanted.explainer().address
    assert not unwanted.explains
    assert not unwanted.worker(0).explainer
    monkeypatch.setitem(sys.modules, "xgboost", None)
    assert not wanted.explains


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
