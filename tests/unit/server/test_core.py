"""The core, driven without any server."""

import itertools
import math

import numpy as np
import pytest
from google.rpc.code_pb2 import INVALID_ARGUMENT

from housing.contract import FEATURE_NAMES, message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing_server.core import PredictionCore
from housing_server.errors import InvalidRequest, ModelNotLoaded
from housing_server.models import Estimates, Rows, given_labels

NOW = 1_700_000_000_123_456_789


class IncomeModel:
    """A model whose price is ten thousand times the income, and a missing number of bedrooms costs a dollar."""

    description = ModelDescription(name="income", version="7")

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row."""
        income, bedrooms = (rows[:, FEATURE_NAMES.index(name)] for name in ("median_income", "total_bedrooms"))
        return Estimates(median_house_value=income * 10_000 - np.isnan(bedrooms), ocean_proximity=given_labels(rows))


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.refusals: list[InvalidRequest] = []

    def predicted(self, model: ModelDescription, estimates: Estimates, seconds: float) -> None:
        """Remember how many rows were answered."""
        assert model.version == "7"
        assert seconds >= 0
        self.rows.append(len(estimates.median_house_value))

    def refused(self, error: InvalidRequest) -> None:
        """Remember a refusal."""
        self.refusals.append(error)


@pytest.fixture
def notes() -> Notes:
    """What the core has told."""
    return Notes()


@pytest.fixture
def core(notes: Notes) -> PredictionCore:
    """A core with a model, a clock that stands still, and ids that count."""
    numbers = itertools.count(1)
    made = PredictionCore(notes, now=lambda: NOW, new_id=lambda: f"id-{next(numbers)}")
    made.model = IncomeModel()
    return made


def block_group(income: float = 5.0, **more: float | str | None) -> BlockGroup:
    """A valid block group."""
    usual = {
        "longitude": -120,
        "latitude": 37,
        "housing_median_age": 20,
        "total_rooms": 100,
        "total_bedrooms": 20,
        "population": 50,
        "households": 20,
        "median_income": income,
    }
    return message_from_mapping(usual | more)


def test_answer_holds_id_price_model_and_time(core: PredictionCore, notes: Notes) -> None:
    """An answer is a fact that can be looked up: what, by which model, when."""
    answer = core.predict(PredictRequest(block_group=block_group()))
    assert (answer.prediction_id, answer.median_house_value) == ("id-1", 50_000)
    assert (answer.model_name, answer.model_version) == ("income", "7")
    assert answer.predicted_at.ToNanoseconds() == NOW
    assert not answer.warnings
    assert notes.rows == [1]


def test_field_left_out_reaches_the_model_as_nan(core: PredictionCore) -> None:
    """The model, not the server, decides what a missing value means."""
    answer = core.predict(PredictRequest(block_group=block_group(total_bedrooms=math.nan)))
    assert answer.median_house_value == 49_999


def test_batch_of_n_equals_n_singles(core: PredictionCore, notes: Notes) -> None:
    """Prices and warnings are the same either way, and a batch is one run of the model."""
    rows = [block_group(income, households=households) for income in (0, 1.5, 20) for households in (20, 60)]
    batch = core.batch_predict(BatchPredictRequest(block_groups=rows))
    singles = [core.predict(PredictRequest(block_group=row)) for row in rows]
    assert [each.median_house_value for each in batch.predictions] == [each.median_house_value for each in singles]
    assert [list(each.warnings) for each in batch.predictions] == [list(each.warnings) for each in singles]
    assert [each.prediction_id for each in batch.predictions] == [f"id-{number}" for number in range(1, 7)]
    assert notes.rows == [6, 1, 1, 1, 1, 1, 1]


def test_bad_request_is_refused_before_the_model_sees_it(core: PredictionCore, notes: Notes) -> None:
    """The observer hears of the refusal, the model of nothing."""
    with pytest.raises(InvalidRequest):
        core.batch_predict(BatchPredictRequest(block_groups=[block_group(), block_group(latitude=50)]))
    assert notes.rows == []
    assert [violation.field for error in notes.refusals for violation in error.violations] == [
        "block_groups[1].latitude"
    ]


def test_bad_message_of_a_stream_is_answered_with_its_status(core: PredictionCore) -> None:
    """A stream's message fails alone."""
    answer = core.stream_predict(StreamPredictRequest(block_group=block_group(latitude=50)))
    assert answer.error.code == INVALID_ARGUMENT
    assert core.stream_predict(StreamPredictRequest(block_group=block_group())).prediction.median_house_value == 50_000


def test_without_a_model_nothing_is_answered(core: PredictionCore) -> None:
    """Predictions and GetModel say that there is none yet; a bad request is still told what is wrong with it."""
    core.model = None
    with pytest.raises(ModelNotLoaded):
        core.predict(PredictRequest(block_group=block_group()))
    with pytest.raises(ModelNotLoaded):
        core.get_model()
    with pytest.raises(InvalidRequest):
        core.predict(PredictRequest())


def test_ids_are_unique_and_sort_by_time() -> None:
    """Without being told otherwise, ids are UUIDs of version 7."""
    core = PredictionCore(Notes())
    core.model = IncomeModel()
    batch = core.batch_predict(BatchPredictRequest(block_groups=[block_group()] * 1000))
    ids = [each.prediction_id for each in batch.predictions]
    assert len(set(ids)) == len(ids)
    assert {identifier[14] for identifier in ids} == {"7"}
    later = core.predict(PredictRequest(block_group=block_group())).prediction_id
    assert max(ids) < later
