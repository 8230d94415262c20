"""The core, driven without any server."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from google.rpc.code_pb2 import FAILED_PRECONDITION, INVALID_ARGUMENT

from housing.features import FEATURE_NAMES
from housing.rows import message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing_server.core.admission import Admission
from housing_server.core.answers import Answers
from housing_server.core.callers import RunTimes
from housing_server.core.model import Estimates, LoadedModel, Rows
from housing_server.core.prediction import PredictionCore
from housing_server.errors import (
    DeadlinePassed,
    InvalidRequest,
    ModelFailed,
    ModelNotLoaded,
    Overloaded,
    PredictionLogUnavailable,
)
from serving_fakes import CALLER, CHEAP, NOW, IncomeModel, ListLog, Notes, batch_predict, make_core, predict


@pytest.fixture
def notes() -> Notes:
    """What the core has told."""
    return Notes()


@pytest.fixture
def log() -> ListLog:
    """What the core has put on record."""
    return ListLog()


@pytest.fixture
def core(notes: Notes, log: ListLog) -> PredictionCore:
    """A core with a model."""
    return make_core(notes, log)


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
    answer = await predict(core, PredictRequest(block_group=block_group()), CALLER)
    assert (answer.prediction_id, answer.median_house_value) == ("id-1", 50_000)
    assert (answer.model_name, answer.model_version) == ("income", "7")
    assert answer.predicted_at.ToNanoseconds() == NOW
    assert not answer.warnings
    assert notes.rows == [1]


async def test_field_left_out_reaches_the_model_as_nan(core: PredictionCore) -> None:
    """The model, not the server, decides what a missing value means."""
    answer = await predict(core, PredictRequest(block_group=block_group(total_bedrooms=math.nan)), CALLER)
    assert answer.median_house_value == 49_999


async def test_calls_that_are_ready_together_share_a_run(core: PredictionCore, notes: Notes) -> None:
    """Each gets its own answer, and the model runs once."""
    requests = [PredictRequest(block_group=block_group(income)) for income in (1, 2, 3)]
    answers = await asyncio.gather(*(predict(core, request, CALLER) for request in requests))
    assert [answer.median_house_value for answer in answers] == [10_000, 20_000, 30_000]
    assert notes.rows == [3]


async def test_batch_of_n_equals_n_singles(core: PredictionCore, notes: Notes) -> None:
    """Prices and warnings are the same either way, and a batch is one run of the model."""
    rows = [block_group(income, households=households) for income in (0, 1.5, 20) for households in (20, 60)]
    batch = await batch_predict(core, BatchPredictRequest(block_groups=rows), CALLER)
    singles = [await predict(core, PredictRequest(block_group=row), CALLER) for row in rows]
    assert [each.median_house_value for each in batch.predictions] == [each.median_house_value for each in singles]
    assert [list(each.warnings) for each in batch.predictions] == [list(each.warnings) for each in singles]
    assert [each.prediction_id for each in batch.predictions] == [f"id-{number}" for number in range(1, 7)]
    assert notes.rows == [6, 1, 1, 1, 1, 1, 1]


async def test_batch_on_a_thread_is_the_same_as_one_inline(core: PredictionCore) -> None:
    """Size decides where a batch runs, not what it answers."""
    rows = [block_group(income / 100) for income in range(1_000)]
    batch = await batch_predict(core, BatchPredictRequest(block_groups=rows), CALLER)
    assert [each.median_house_value for each in batch.predictions] == [
        pytest.approx(100.0 * income) for income in range(1_000)
    ]


async def test_bad_request_is_refused_before_the_model_sees_it(core: PredictionCore, notes: Notes) -> None:
    """The observer hears of the refusal, the model of nothing."""
    with pytest.raises(InvalidRequest):
        await batch_predict(core, BatchPredictRequest(block_groups=[block_group(), block_group(latitude=50)]), CALLER)
    assert notes.rows == []
    assert [violation.field for error in notes.refusals for violation in error.violations] == [
        "block_groups[1].latitude"
    ]


async def test_partial_results_answer_the_good_rows_and_refuse_the_bad(core: PredictionCore, notes: Notes) -> None:
    """Each bad row is told by its index what is wrong with it."""
    rows = [block_group(1), block_group(latitude=50), block_group(2), BlockGroup(), block_group(3)]
    answer = await batch_predict(core, BatchPredictRequest(block_groups=rows, partial_results=True), CALLER)
    assert [each.median_house_value for each in answer.predictions] == [10_000, 20_000, 30_000]
    assert [refusal.index for refusal in answer.refusals] == [1, 3]
    assert {refusal.status.code for refusal in answer.refusals} == {INVALID_ARGUMENT}
    assert answer.refusals[0].status.message.startswith("block_groups[1].latitude: ")
    assert notes.rows == [3]
    assert len(notes.refusals) == 2


async def test_partial_results_of_bad_rows_only_are_all_refused(core: PredictionCore) -> None:
    """Nothing is left for the model; the size of a batch is still a rule."""
    answer = await batch_predict(
        core, BatchPredictRequest(block_groups=[BlockGroup()] * 2, partial_results=True), CALLER
    )
    assert (len(answer.predictions), len(answer.refusals)) == (0, 2)
    with pytest.raises(InvalidRequest):
        await batch_predict(core, BatchPredictRequest(partial_results=True), CALLER)


async def test_stream_is_answered_in_order_and_goes_on_after_a_bad_message(core: PredictionCore) -> None:
    """A message fails alone, in its place."""
    rows = [block_group(income) for income in range(20)]
    rows[7] = block_group(latitude=50)
    answers = [answer async for answer in core.stream_predict(stream(rows), CALLER)]
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
        await predict(core, PredictRequest(block_group=block_group()), CALLER)
    with pytest.raises(ModelNotLoaded):
        await batch_predict(core, BatchPredictRequest(block_groups=[block_group()]), CALLER)
    with pytest.raises(ModelNotLoaded):
        core.get_model()
    with pytest.raises(InvalidRequest):
        await predict(core, PredictRequest(), CALLER)


async def test_ids_are_unique_and_sort_by_time() -> None:
    """Without being told otherwise, ids are UUIDs of version 7."""
    notes = Notes()
    core = PredictionCore(notes, ListLog(), Admission(notes, max_rows=10_000, max_queue_seconds=1))
    core.model = LoadedModel(predictor=IncomeModel())
    batch = await batch_predict(core, BatchPredictRequest(block_groups=[block_group()] * 1000), CALLER)
    ids = [each.prediction_id for each in batch.predictions]
    assert len(set(ids)) == len(ids)
    assert {identifier[14] for identifier in ids} == {"7"}
    later = await predict(core, PredictRequest(block_group=block_group()), CALLER)
    assert max(ids) < later.prediction_id


async def test_call_whose_time_is_up_is_not_begun_behind_others(core: PredictionCore) -> None:
    """Neither one row nor many: its caller hears so at once, while the one before it is answered."""
    late = CALLER._replace(deadline=time.perf_counter() - 1)
    before = asyncio.create_task(predict(core, PredictRequest(block_group=block_group()), CALLER))
    await asyncio.sleep(0)
    with pytest.raises(DeadlinePassed):
        await predict(core, PredictRequest(block_group=block_group()), late)
    with pytest.raises(DeadlinePassed):
        await batch_predict(core, BatchPredictRequest(block_groups=[block_group()]), late)
    assert (await before).prediction_id


async def test_every_answer_is_on_record_before_it_is_given(core: PredictionCore, log: ListLog) -> None:
    """The record holds what was asked, what was answered, by which model, and for whom."""
    answer = await predict(core, PredictRequest(block_group=block_group()), CALLER)
    (answers,) = log.entries
    assert list(answers.prediction_ids) == [answer.prediction_id]
    assert answers.response(0) == answer
    assert answers.callers == [CALLER]
    assert (len(answers.rows), answers.predicted_at) == (1, NOW)


async def test_answer_that_cannot_be_put_on_record_is_not_given(core: PredictionCore, log: ListLog) -> None:
    """Be it one or many."""
    log.down = True
    with pytest.raises(PredictionLogUnavailable):
        await predict(core, PredictRequest(block_group=block_group()), CALLER)
    with pytest.raises(PredictionLogUnavailable):
        await batch_predict(core, BatchPredictRequest(block_groups=[block_group()] * 2), CALLER)


async def test_log_that_is_known_to_be_down_is_the_reason_for_a_refusal(notes: Notes) -> None:
    """And not overload, however much is under way; nothing is computed."""
    log = ListLog()
    core = make_core(notes, log, max_rows=1)
    log.refusing = True
    with core._admission.admit(1):  # pylint: disable=protected-access  # the service is full
        with pytest.raises(PredictionLogUnavailable):
            await predict(core, PredictRequest(block_group=block_group()), CALLER)
        with pytest.raises(PredictionLogUnavailable):
            await batch_predict(core, BatchPredictRequest(block_groups=[block_group()] * 2), CALLER)
    assert (notes.reasons, notes.rows) == ([], [])


async def test_log_that_takes_its_time_keeps_nobody_waiting_for_the_event_loop(notes: Notes) -> None:
    """It is written to on a thread then, and calls that come meanwhile share the next run."""
    log = ListLog(inline=False)
    core = make_core(notes, log)
    requests = [PredictRequest(block_group=block_group(income)) for income in (1, 2, 3)]
    answers = await asyncio.gather(*(predict(core, request, CALLER) for request in requests))
    assert [answer.median_house_value for answer in answers] == [10_000, 20_000, 30_000]
    assert sum(len(entry.rows) for entry in log.entries) == 3


async def test_answer_tells_the_interval_and_the_models_own_warnings(core: PredictionCore) -> None:
    """The interval is open where its upper bound is the cap."""
    usual = await predict(core, PredictRequest(block_group=block_group(5)), CALLER)
    assert (usual.interval.lower, usual.interval.upper, usual.interval.coverage) == (49_000, 51_000, 0.9)
    assert not usual.interval.upper_open
    assert not usual.warnings
    cheap = await predict(core, PredictRequest(block_group=block_group(0.5)), CALLER)
    assert list(cheap.warnings) == [CHEAP]
    batch = await batch_predict(core, BatchPredictRequest(block_groups=[block_group(15), block_group(0.5)]), CALLER)
    assert [each.interval.upper_open for each in batch.predictions] == [True, False]
    assert [list(each.warnings) for each in batch.predictions] == [[], [CHEAP]]


async def test_batch_beyond_the_rows_in_flight_is_refused(notes: Notes, log: ListLog) -> None:
    """What is refused is not on record, and the next call is answered."""
    core = make_core(notes, log, max_rows=100)
    big = BatchPredictRequest(block_groups=[block_group()] * 80)
    first = asyncio.ensure_future(batch_predict(core, big, CALLER))
    await asyncio.sleep(0)  # it has begun
    with pytest.raises(Overloaded):
        await batch_predict(core, big, CALLER)
    assert len((await first).predictions) == 80
    assert len((await batch_predict(core, big, CALLER)).predictions) == 80
    assert notes.reasons == ["rows"]


class PickyModel(IncomeModel):
    """Fails on an income of seven, and answers NaN to one of eight."""

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row."""
        income = rows[:, FEATURE_NAMES.index("median_income")]
        if (income == 7).any():
            raise ZeroDivisionError
        return replace(super().estimate(rows), median_house_value=np.where(income == 8, np.nan, income))


@pytest.fixture
def picky(core: PredictionCore) -> PredictionCore:
    """A core whose model has no answer to some rows."""
    core.model = LoadedModel(predictor=PickyModel())
    return core


async def test_row_without_an_answer_fails_nobody_elses_call(picky: PredictionCore, log: ListLog, notes: Notes) -> None:
    """Those that share its run are answered, and on record."""
    requests = [PredictRequest(block_group=block_group(income)) for income in (1, 7, 2, 8, 3)]
    answers = await asyncio.gather(*(predict(picky, each, CALLER) for each in requests), return_exceptions=True)
    assert [isinstance(each, ModelFailed) for each in answers] == [False, True, False, True, False]
    prices = [each.median_house_value for each in answers if not isinstance(each, BaseException)]
    assert prices == [1, 2, 3]
    (entry,) = log.entries
    assert entry.estimates.median_house_value.tolist() == [1, 2, 3]
    assert (notes.rows, notes.failed_rows) == ([3], 2)


async def test_row_without_an_answer_is_refused_in_its_place_in_a_stream(picky: PredictionCore) -> None:
    """The stream goes on."""
    rows = [block_group(income) for income in (1, 7, 2, 8, 3)]
    answers = [answer async for answer in picky.stream_predict(stream(rows), CALLER)]
    assert [each.error.code for each in answers] == [0, FAILED_PRECONDITION, 0, FAILED_PRECONDITION, 0]
    assert [each.prediction.median_house_value for each in answers if each.HasField("prediction")] == [1, 2, 3]


async def test_rows_without_an_answer_are_refused_among_the_bad_ones_of_a_batch(picky: PredictionCore) -> None:
    """With partial results each is listed, in order, with a reason of its own."""
    rows = [block_group(1), block_group(7), block_group(latitude=50), block_group(8), block_group(3)]
    answer = await batch_predict(picky, BatchPredictRequest(block_groups=rows, partial_results=True), CALLER)
    assert [each.median_house_value for each in answer.predictions] == [1, 3]
    assert [(each.index, each.status.code) for each in answer.refusals] == [
        (1, FAILED_PRECONDITION),
        (2, INVALID_ARGUMENT),
        (3, FAILED_PRECONDITION),
    ]
    assert answer.refusals[0].status.message.startswith("the model failed on block_groups[1]")


async def test_batch_with_a_row_without_an_answer_is_refused_whole(picky: PredictionCore, log: ListLog) -> None:
    """The row is named, and nothing goes on record."""
    rows = [block_group(1)] * 70 + [block_group(7)] + [block_group(1)] * 30
    with pytest.raises(ModelFailed, match=r"block_groups\[70\]"):
        await batch_predict(picky, BatchPredictRequest(block_groups=rows), CALLER)
    assert not log.entries


async def test_answer_on_record_stands_though_it_cannot_be_counted(log: ListLog) -> None:
    """What an observer raises is reported, and fails no call."""

    class Clumsy(Notes):
        """Raises whatever it is to count."""

        def predicted(self, answers: Answers, times: RunTimes) -> None:  # noqa: ARG002
            """Fail."""
            raise IndexError

        def refused(self, error: InvalidRequest, times: int = 1) -> None:  # noqa: ARG002
            """Fail."""
            raise IndexError

    reported: list[Exception] = []
    notes = Clumsy()
    admission = Admission(notes, max_rows=10, max_queue_seconds=1e9)
    core = PredictionCore(notes, log, admission, report=reported.append)
    core.model = LoadedModel(predictor=IncomeModel())
    answer = await predict(core, PredictRequest(block_group=block_group(1)), CALLER)
    assert list(log.entries[0].prediction_ids) == [answer.prediction_id]
    with pytest.raises(InvalidRequest):
        await predict(core, PredictRequest(), CALLER)
    assert [type(each) for each in reported] == [IndexError, IndexError]


async def test_batch_that_is_too_long_is_refused_by_its_length_alone(core: PredictionCore, notes: Notes) -> None:
    """One violation, however many rows of it are bad; and it is refused before it is admitted."""
    request = BatchPredictRequest(block_groups=[BlockGroup()] * 10_001)
    with pytest.raises(InvalidRequest) as raised:
        await batch_predict(core, request, CALLER)
    assert [(each.field, each.rule) for each in raised.value.violations] == [("block_groups", "repeated.max_items")]
    assert str(raised.value) == "block_groups: must contain no more than 10000 item(s)"
    assert len(notes.refusals) == 1


async def test_refusals_of_many_rows_are_counted_by_kind(core: PredictionCore, notes: Notes) -> None:
    """Ten thousand times the same fault is told once, with the number."""
    request = BatchPredictRequest(block_groups=[BlockGroup(), block_group(latitude=50)] * 500, partial_results=True)
    answer = await batch_predict(core, request, CALLER)
    assert len(answer.refusals) == 1_000
    assert (len(notes.refusals), notes.refused_rows) == (2, 1_000)


async def test_heavy_batch_counts_as_more_rows(notes: Notes, log: ListLog) -> None:
    """What a message holds beside its rows is memory as well."""
    core = make_core(notes, log, max_rows=1_000)
    rows = [block_group() for _ in range(100)]
    heavy = BatchPredictRequest(block_groups=rows).SerializeToString() + b"\x7a\xa0\x8d\x06" + b" " * 100_000
    first = asyncio.ensure_future(batch_predict(core, BatchPredictRequest.FromString(heavy), CALLER))
    await asyncio.sleep(0)  # it has begun
    with pytest.raises(Overloaded):
        await batch_predict(core, BatchPredictRequest(block_groups=rows), CALLER)
    assert len((await first).predictions) == 100
