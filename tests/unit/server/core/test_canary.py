"""A second model that answers a share of the calls, and gives way when it fails."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.model_service_pb2 import Model
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing_server.core.callers import Caller
from housing_server.core.canary import CanarySlot
from housing_server.core.model import Estimates, LoadedModel, Rows
from housing_server.core.prediction import PredictionCore
from housing_server.errors import ModelFailed, ModelRejected, PredictionLogUnavailable
from serving_fakes import CALLER, IncomeModel, ListLog, Notes, batch_predict, make_core, predict

HOME = message_from_mapping(BERKELEY)
ONE = PredictRequest(block_group=HOME)
THREE = BatchPredictRequest(block_groups=[HOME] * 3)


class NextModel(IncomeModel):
    """Another version of the model, which fails when a test wishes."""

    description = Model(name="income", version="8")

    def __init__(self) -> None:
        self.fails = False

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate as the model does, or fail."""
        if self.fails:
            raise ValueError("no good")
        return super().estimate(rows)


@dataclass(kw_only=True)
class Scene:
    """A core with a canary."""

    notes: Notes = field(default_factory=Notes)
    log: ListLog = field(default_factory=ListLog)
    model: NextModel = field(default_factory=NextModel)
    failures: list[tuple[str, int]] = field(default_factory=list)
    core: PredictionCore = field(init=False)

    def __post_init__(self) -> None:
        self.core = make_core(self.notes, self.log)

    def share(self, share: float) -> None:
        """Let the canary answer a share of the calls."""
        loaded = LoadedModel(predictor=self.model)
        self.core.serve_canary(loaded, share, lambda reason, rows: self.failures.append((reason, rows)))

    def recorded(self) -> list[tuple[str, int]]:
        """The version and rows of each run on record."""
        return [(answers.model.description.version, len(answers.rows)) for answers in self.log.entries]


@pytest.fixture
def scene() -> Scene:
    """A core with a canary that answers half of the calls."""
    made = Scene()
    made.share(0.5)
    return made


def caller(number: int, choice: str | None = None) -> Caller:
    """The caller of a request with an id of its own."""
    return CALLER._replace(request_id=f"request-{number}", canary=choice)


async def version(core: PredictionCore, by: Caller) -> str:
    """Return the version that answers a call."""
    return (await predict(core, ONE, by)).model_version


async def test_share_of_the_calls_is_answered_by_the_canary(scene: Scene) -> None:
    """Of 1,000 ids that differ by a digit a tenth goes to it, within four standard deviations."""
    scene.share(0.1)
    answered = [await version(scene.core, caller(number)) for number in range(1_000)]
    assert 62 <= answered.count("8") <= 138
    assert answered.count("7") == 1_000 - answered.count("8")


async def test_repeated_call_is_answered_by_the_same_version(scene: Scene) -> None:
    """By its request id, whichever method it calls."""
    for number in range(20):
        first = await version(scene.core, caller(number))
        assert await version(scene.core, caller(number)) == first
        assert (await batch_predict(scene.core, THREE, caller(number))).model_version == first


async def test_larger_share_keeps_the_calls_of_a_smaller_one(scene: Scene) -> None:
    """Who got the canary at first still gets it when its share grows."""
    numbers = range(100)
    before = [number for number in numbers if await version(scene.core, caller(number)) == "8"]
    scene.share(0.7)
    after = {number for number in numbers if await version(scene.core, caller(number)) == "8"}
    assert after > set(before)


@pytest.mark.parametrize(("choice", "share", "expected"), [("always", 1e-9, "8"), ("never", 1.0, "7")])
async def test_caller_may_choose(scene: Scene, choice: str, share: float, expected: str) -> None:
    """Whatever the share."""
    scene.share(share)
    assert await version(scene.core, caller(1, choice)) == expected
    assert (await batch_predict(scene.core, THREE, caller(1, choice))).model_version == expected


@pytest.mark.parametrize("choice", ["", "ALWAYS", "yes"])
async def test_other_choices_count_as_none(scene: Scene, choice: str) -> None:
    """They are drawn as if nothing had been chosen."""
    for number in range(20):
        assert await version(scene.core, caller(number, choice)) == await version(scene.core, caller(number))


async def test_messages_of_a_stream_are_drawn_one_by_one(scene: Scene) -> None:
    """Each answer names its version, and the same stream gets the same ones."""

    async def versions() -> list[str]:
        async def requests() -> AsyncIterator[StreamPredictRequest]:
            for _ in range(50):
                yield StreamPredictRequest(block_group=HOME)

        return [each.prediction.model_version async for each in scene.core.stream_predict(requests(), caller(1))]

    first = await versions()
    assert set(first) == {"7", "8"}
    assert await versions() == first


async def test_calls_of_one_version_share_its_runs(scene: Scene) -> None:
    """A run has rows of one version only, and the record names it."""
    await asyncio.gather(*(predict(scene.core, ONE, caller(number)) for number in range(40)))
    assert [version for version, _ in scene.recorded()] in (["7", "8"], ["8", "7"])
    assert sum(rows for _, rows in scene.recorded()) == 40


async def test_model_is_described_without_its_canary(scene: Scene) -> None:
    """GetModel and its kin describe what most calls get."""
    scene.share(1.0)
    assert scene.core.get_model().model.version == "7"


async def test_call_that_the_canary_fails_on_is_answered_by_the_model(scene: Scene) -> None:
    """The caller sees no failure, nor does the count of the model's; the canary's is reported."""
    scene.model.fails = True
    assert await version(scene.core, caller(1, "always")) == "7"
    assert scene.failures == [("ValueError: no good", 1)]
    assert scene.notes.failed_rows == 0
    assert scene.recorded() == [("7", 1)]


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("rows", [3, 100], ids=["inline", "on a thread"])
async def test_batch_that_the_canary_fails_on_is_answered_by_the_model(scene: Scene, partial: bool, rows: int) -> None:
    """As a whole, so that one version answers it; nothing of the canary's is on record."""
    scene.model.fails = True
    request = BatchPredictRequest(block_groups=[HOME] * rows, partial_results=partial)
    response = await batch_predict(scene.core, request, caller(1, "always"))
    assert (response.model_version, len(response.predictions), len(response.refusals)) == ("7", rows, 0)
    assert scene.failures == [("ValueError: no good", rows)]
    assert scene.recorded() == [("7", rows)]


async def test_stream_goes_on_when_the_canary_fails(scene: Scene) -> None:
    """Every message has its answer, in order."""
    scene.model.fails = True

    async def requests() -> AsyncIterator[StreamPredictRequest]:
        for income in range(1, 9):
            yield StreamPredictRequest(block_group=message_from_mapping({**BERKELEY, "median_income": float(income)}))

    answers = [each async for each in scene.core.stream_predict(requests(), caller(1, "always"))]
    assert [each.prediction.median_house_value for each in answers] == [10_000.0 * income for income in range(1, 9)]


class NanModel(IncomeModel):
    """A model that has no answer either."""

    def estimate(self, _rows: Rows) -> Estimates:
        """Estimate nothing."""
        raise ValueError("nor I")


async def test_row_that_no_model_can_answer_is_not_the_canarys_fault(scene: Scene) -> None:
    """The caller sees the model's failure, and the canary stays."""
    scene.model.fails = True
    scene.core.model = LoadedModel(predictor=NanModel())
    with pytest.raises(ModelFailed) as raised:
        await predict(scene.core, ONE, caller(1, "always"))
    assert raised.value.reason == "ValueError: nor I"
    with pytest.raises(ModelFailed):
        await batch_predict(scene.core, THREE, caller(1, "always"))
    assert scene.failures == []


async def test_log_that_is_down_is_not_the_canarys_fault(scene: Scene) -> None:
    """An answer that cannot be recorded is not given by the other model instead."""
    scene.log.down = True
    with pytest.raises(PredictionLogUnavailable):
        await predict(scene.core, ONE, caller(1, "always"))
    with pytest.raises(PredictionLogUnavailable):
        await batch_predict(scene.core, THREE, caller(1, "always"))
    assert scene.failures == []


async def test_slow_canary_runs_on_a_thread(scene: Scene) -> None:
    """It delays no call that the model answers."""
    scene.model.inline = False
    scene.share(1.0)
    assert await version(scene.core, caller(1)) == "8"
    assert (await batch_predict(scene.core, THREE, caller(1))).model_version == "8"


async def test_without_a_canary_the_model_answers_all(scene: Scene) -> None:
    """Once it is dropped, even those who ask for it."""
    scene.core.serve_canary(None, 0, lambda *_: None)
    assert await version(scene.core, caller(1, "always")) == "7"


class Loading:
    """A slot with a loader that a test steers."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.served: list[tuple[bool, float, str]] = []
        self.slot = CanarySlot(self._load, self._serve)

    def _load(self, folder: str) -> LoadedModel:
        self.loaded.append(folder)
        if folder == "bad":
            raise ModelRejected("no graph")
        return LoadedModel(predictor=NextModel())

    def _serve(self, model: LoadedModel | None, share: float, folder: str) -> None:
        self.served.append((model is not None, share, folder))


async def test_share_changes_without_loading_again() -> None:
    """Only another folder is loaded."""
    scene = Loading()
    for share in (0.1, 0.2):
        assert await scene.slot.set("good", share) is not None
    assert scene.loaded == ["good"]
    assert scene.served[-2:] == [(True, 0.1, "good"), (True, 0.2, "good")]


async def test_canary_that_is_dropped_while_it_loads_never_answers() -> None:
    """What was wanted last counts."""
    scene = Loading()
    setting = asyncio.create_task(scene.slot.set("good", 0.1))
    while not scene.slot.folder:  # noqa: ASYNC110 - the slot is no event
        await asyncio.sleep(0)
    scene.slot.drop()
    assert await setting is None
    assert not any(is_model for is_model, *_ in scene.served)


async def test_canary_that_cannot_be_loaded_leaves_none() -> None:
    """The one before it is gone, too: it was to be replaced."""
    scene = Loading()
    await scene.slot.set("good", 0.1)
    with pytest.raises(ModelRejected, match="no graph"):
        await scene.slot.set("bad", 0.1)
    assert scene.served[-1] == (False, 0, "")
