"""The core, driven without any server."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator

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
    inline = True

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


async def test_answer_holds_id_price_model_and_time(core: PredictionCore, notes: Notes) -> None:
    """An answer is a fact that can be looked up: what, by which model, when."""
    answer = await core.predict(PredictRequest(block_group=block_group()))
    assert (answer.prediction_id, answer.median_house_value) == ("id-1", 50_000)
    assert (answer.model_name, answer.model_version) == ("income", "7")
    assert answer.predicted_at.ToNanoseconds() == NOW
    assert not answer.warnings
    assert notes.rows == [1]


async def test_field_left_out_reaches_the_model_as_nan(core: PredictionCore) -> None:
    """The model, not the server, decides what a missing value means."""
    answer = await core.predict(PredictRequest(block_group=block_group(total_bedrooms=math.nan)))
    assert answer.median_house_value == 49_999


async def test_calls_that_are_ready_together_share_a_run(core: PredictionCore, notes: Notes) -> None:
    """Each gets its own answer, and the model runs once."""
    requests = [PredictRequest(block_group=block_group(income)) for income in (1, 2, 3)]
    answers = await asyncio.gather(*map(core.predict, requests))
    assert [answer.median_house_value for answer in answers] == [10_000, 20_000, 30_000]
    assert notes.rows == [3]


async def test_batch_of_n_equals_n_singles(core: PredictionCore, notes: Notes) -> None:
    """Prices and warnings are the same either way, and a batch is one run of the model."""
    rows = [block_group(income, households=households) for income in (0, 1.5, 20) for households in (20, 60)]
    batch = await core.batch_predict(BatchPredictRequest(block_groups=rows))
    singles = [await core.predict(PredictRequest(block_group=row)) for row in rows]
    assert [each.median_house_value for each in batch.predictions] == [each.median_house_value for each in singles]
    assert [list(each.warnings) for each in batch.predictions] == [list(each.warnings) for each in singles]
    assert [each.prediction_id for each in batch.predictions] == [f"id-{number}" for number in range(1, 7)]
    assert notes.rows == [6, 1, 1, 1, 1, 1, 1]


async def test_batch_on_a_thread_is_the_same_as_one_inline(core: PredictionCore) -> None:
    """Size decides where a batch runs, not what it answers."""
    rows = [block_group(income / 100) for income in range(1_000)]
    batch = await core.batch_predict(BatchPredictRequest(block_groups=rows))
    assert [each.median_house_value for each in batch.predictions] == [
        pytest.approx(100.0 * income) for income in range(1_000)
    ]


async def test_bad_request_is_refused_before_the_model_sees_it(core: PredictionCore, notes: Notes) -> None:
    """The observer hears of the refusal, the model of nothing."""
    with pytest.raises(InvalidRequest):
        await core.batch_predict(BatchPredictRequest(block_groups=[block_group(), block_group(latitude=50)]))
    assert notes.rows == []
    assert [violation.field for error in notes.refusals for violation in error.violations] == [
        "block_groups[1].latitude"
    ]


async def test_partial_results_answer_the_good_rows_and_refuse_the_bad(core: PredictionCore, notes: Notes) -> None:
    """Each bad row is told by its index what is wrong with it."""
    rows = [block_group(1), block_group(latitude=50), block_group(2), BlockGroup(), block_group(3)]
    answer = await core.batch_predict(BatchPredictRequest(block_groups=rows, partial_results=True))
    assert [each.median_house_value for each in answer.predictions] == [10_000, 20_000, 30_000]
    assert [refusal.index for refusal in answer.refusals] == [1, 3]
    assert {refusal.status.code for refusal in answer.refusals} == {INVALID_ARGUMENT}
    assert answer.refusals[0].status.message.startswith("block_groups[1].latitude: ")
    assert notes.rows == [3]
    assert len(notes.refusals) == 2


async def test_partial_results_of_bad_rows_only_are_all_refused(core: PredictionCore) -> None:
    """Nothing is left for the model; the size of a batch is still a rule."""
    answer = await core.batch_predict(BatchPredictRequest(block_groups=[BlockGroup()] * 2, partial_results=True))
    assert (len(answer.predictions), len(answer.refusals)) == (0, 2)
    with pytest.raises(InvalidRequest):
        await core.batch_predict(BatchPredictRequest(partial_results=True))


async def test_stream_is_answered_in_order_and_goes_on_after_a_bad_message(core: PredictionCore) -> None:
    """A message fails alone, in its place."""
    rows = [block_group(income) for income in range(20)]
    rows[7] = block_group(latitude=50)
    answers = [answer async for answer in core.stream_predict(stream(rows))]
    expected = [10_000.0 * income for income in range(20) if income != 7]
    assert [each.prediction.median_house_value for each in answers if each.HasField("prediction")] == expected
    assert answers[7].error.code == INVALID_ARGUMENT


async def stream(rows: list[BlockGroup]) -> AsyncIterator[StreamPredictRequest]:
    """The messages of a stream."""
    for row in rows:
        yield StreamPredictRequest(block_group=row)


async def test_without_a_model_nothing_is_answered(core: PredictionCore) -> None:
    """Predictions and GetModel say that there is none yet; a bad request is still told what is wrong with it."""
    core.model = None
    with pytest.raises(ModelNotLoaded):
        await core.predict(PredictRequest(block_group=block_group()))
    with pytest.raises(ModelNotLoaded):
        await core.batch_predict(BatchPredictRequest(block_groups=[block_group()]))
    with pytest.raises(ModelNotLoaded):
        core.get_model()
    with pytest.raises(InvalidRequest):
        await core.predict(PredictRequest())


async def test_ids_are_unique_and_sort_by_time() -> None:
    """Without being told otherwise, ids are UUIDs of version 7."""
    core = PredictionCore(Notes())
    core.model = IncomeModel()
    batch = await core.batch_predict(BatchPredictRequest(block_groups=[block_group()] * 1000))
    ids = [each.prediction_id for each in batch.predictions]
    assert len(set(ids)) == len(ids)
    assert {identifier[14] for identifier in ids} == {"7"}
    later = await core.predict(PredictRequest(block_group=block_group()))
    assert max(ids) < later.prediction_id
