"""What stands around the core in its tests: a model, a log that is a list, an admission that bounds nothing."""

import itertools

import numpy as np

from housing.features import FEATURE_NAMES
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing.v1.prediction_service_pb2 import BatchPredictRequest, BatchPredictResponse, PredictRequest, PredictResponse
from housing.v1.prediction_service_pb2 import Warning as PredictionWarning
from housing_server.core.admission import Admission
from housing_server.core.answers import Answers
from housing_server.core.callers import Caller, RunTimes
from housing_server.core.endpoints import EncodedEndpoint, QueuedEndpoint
from housing_server.core.model import Estimates, Intervals, LoadedModel, Rows, given_labels
from housing_server.core.prediction import PredictionCore
from housing_server.core.services import prediction_endpoints
from housing_server.errors import InvalidRequest, ModelFailed, PredictionLogUnavailable

NOW = 1_700_000_000_123_456_789
CALLER = Caller("Predict", "ipv4:127.0.0.1:1", "request-1", "0" * 31 + "1", 0.0)
CHEAP = PredictionWarning(reason="CHEAP", field="median_income", message="cheap")


class IncomeModel:
    """A model whose price is ten thousand times the income, and a missing number of bedrooms costs a dollar.

    The price lies within a thousand dollars nine times in ten; below an income of one the model warns.
    """

    description = ModelDescription(name="income", version="7")
    inline = True
    interval_coverage = 0.9
    warnings = (CHEAP,)

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row."""
        income, bedrooms = (rows[:, FEATURE_NAMES.index(name)] for name in ("median_income", "total_bedrooms"))
        prices = income * 10_000 - np.isnan(bedrooms)
        bounds = np.minimum(np.column_stack([prices - 1_000, prices + 1_000]), 150_000)
        return Estimates(
            median_house_value=prices,
            ocean_proximity=given_labels(rows),
            interval=Intervals(bounds=bounds, upper_open=bounds[:, 1] == 150_000),
            warned=income[:, None] < 1,
        )


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.refusals: list[InvalidRequest] = []
        self.refused_rows = 0
        self.failed_rows = 0
        self.reasons: list[str] = []

    def predicted(self, answers: Answers, times: RunTimes) -> None:
        """Remember how many rows were answered."""
        assert min(times) >= 0
        self.rows.append(len(answers.rows))

    def refused(self, error: InvalidRequest, times: int = 1) -> None:
        """Remember a refusal."""
        self.refusals.append(error)
        self.refused_rows += times

    def failed(self, error: ModelFailed, rows: int) -> None:
        """Remember how many rows had no answer."""
        assert error.reason
        self.failed_rows += rows

    def not_admitted(self, reason: str) -> None:
        """Remember a call that was not admitted."""
        self.reasons.append(reason)


class ListLog:
    """A prediction log that is a list, and may be down."""

    def __init__(self, *, inline: bool = True) -> None:
        self.inline = inline
        self.entries: list[Answers] = []
        self.down = False
        self.refusing = False

    def check(self) -> None:
        """Raise once it is known to be down."""
        if self.refusing:
            raise PredictionLogUnavailable("the list is down")

    def probe(self) -> None:
        """Raise while it is down."""
        if self.down:
            raise PredictionLogUnavailable("the list is down")

    def append(self, answers: Answers) -> None:
        """Put answers on record."""
        if self.down:
            raise PredictionLogUnavailable("the list is down")
        self.entries.append(answers)


def make_core(notes: Notes, log: ListLog, *, max_rows: int = 100_000) -> PredictionCore:
    """Make a core with a model, a clock that stands still, and ids that count."""
    numbers = itertools.count(1)
    admission = Admission(notes, max_rows=max_rows, max_queue_seconds=1e9)
    core = PredictionCore(notes, log, admission, now=lambda: NOW, new_id=lambda: f"id-{next(numbers)}")
    core.model = LoadedModel(predictor=IncomeModel())
    return core


async def predict(core: PredictionCore, request: PredictRequest, caller: Caller) -> PredictResponse:
    """Call Predict as transports do, with encoded messages."""
    endpoint, *_ = prediction_endpoints(core)
    assert isinstance(endpoint, QueuedEndpoint)
    return PredictResponse.FromString(await endpoint.answer(request.SerializeToString(), caller))


async def batch_predict(core: PredictionCore, request: BatchPredictRequest, caller: Caller) -> BatchPredictResponse:
    """Call BatchPredict likewise."""
    _, endpoint, _ = prediction_endpoints(core)
    assert isinstance(endpoint, EncodedEndpoint)
    return BatchPredictResponse.FromString(await endpoint.answer(request.SerializeToString(), caller))


def answered(*prediction_ids: str) -> Answers:
    """Answers with these ids."""
    model, rows = (
        IncomeModel(),
        np.tile([-120.0, 37.0, 20.0, 100.0, 20.0, 50.0, 20.0, 5.0, 1.0], (len(prediction_ids), 1)),
    )
    return Answers.of(
        model,
        rows,
        model.estimate(rows),
        prediction_ids=prediction_ids,
        predicted_at=NOW,
        latency_seconds=[0.25],
        callers=[CALLER],
    )
