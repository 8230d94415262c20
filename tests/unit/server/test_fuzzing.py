"""Whatever is sent: every method answers it or refuses it as the caller's, and repeats none of the caller's values.

Some thousand requests in any test run; `make fuzz` tries a hundred thousand.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.rpc.code_pb2 import ABORTED, FAILED_PRECONDITION, INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buf.validate import validate_pb2
from housing.features import FEATURE_NAMES, FEATURES
from housing.services import SERVICES
from housing.v1.explanation_service_pb2 import ExplainRequest
from housing.v1.model_service_pb2 import ListModelChangesRequest, PromoteModelVersionRequest, RollbackModelRequest
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest
from housing.v1.prediction_log_service_pb2 import (
    GetPredictionRequest,
    GetPredictionStatsRequest,
    ListPredictionsRequest,
)
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, StreamPredictRequest
from housing.v1.retraining_service_pb2 import GetRetrainingRequest, ListRetrainingsRequest, StartRetrainingRequest
from housing_server.core.admission import Admission
from housing_server.core.callers import Caller
from housing_server.core.endpoints import UnaryEndpoint
from housing_server.core.model import Estimates, LoadedModel, Rows
from housing_server.core.parsing import request_parser
from housing_server.core.prediction import PredictionCore
from housing_server.core.status import status_from_error
from housing_server.errors import RequestError
from housing_server.explanation.attribution import Attribution
from housing_server.explanation.core import ExplanationCore
from housing_server.explanation.model import Explained
from housing_server.model_store.uri import ModelUri
from housing_server.model_versions.endpoints import version_endpoints
from housing_server.model_versions.version import RegisteredVersion
from housing_server.prediction_log.endpoints import log_endpoints
from housing_server.prediction_log.retraining_endpoints import retraining_endpoints
from housing_server.prediction_log.store import PredictionStore
from predictions_on_record import START, add, prediction_id, record
from serving_fakes import CALLER, IncomeModel, ListLog, Notes, batch_predict, predict

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2400"))
MARK = "Zx9Secret"
"""Begins every text that is sent; no text of the service holds it."""
CALLERS_OWN = {INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, ABORTED, RESOURCE_EXHAUSTED}
"""The codes of what is nobody's fault but the caller's, or the model's: retrainings asked for without end, too."""
METHODS = {
    "Predict": PredictRequest,
    "BatchPredict": BatchPredictRequest,
    "StreamPredict": StreamPredictRequest,
    "Explain": ExplainRequest,
    "ListPredictions": ListPredictionsRequest,
    "GetPrediction": GetPredictionRequest,
    "GetPredictionStats": GetPredictionStatsRequest,
    "RecordOutcomes": RecordOutcomesRequest,
    "StartRetraining": StartRetrainingRequest,
    "ListRetrainings": ListRetrainingsRequest,
    "GetRetraining": GetRetrainingRequest,
    "ListModelChanges": ListModelChangesRequest,
    "PromoteModelVersion": PromoteModelVersionRequest,
    "RollbackModel": RollbackModelRequest,
}
KNOWN_TEXTS = [*FEATURES[-1].choices, prediction_id(START), prediction_id(START, 99), prediction_id(START).upper(), "3"]


class PickyModel(IncomeModel):
    """A model that fails on some of the rows that the contract allows, and answers NaN to others."""

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate one price a row."""
        age = rows[:, FEATURE_NAMES.index("housing_median_age")]
        if (age == 0).any():
            raise ZeroDivisionError(f"{MARK} {rows}")
        usual = super().estimate(rows)
        prices = np.where(age == 100, np.nan, usual.median_house_value)
        return Estimates(median_house_value=prices, ocean_proximity=usual.ocean_proximity, interval=usual.interval)


class PickyExplainer:
    """What explains such a model."""

    def explain(self, rows: Rows) -> Explained:
        """Explain each price by zeros."""
        model, count = PickyModel(), len(rows)
        attribution = Attribution(base_value=0.0, contributions=np.zeros((count, len(FEATURE_NAMES))))
        return Explained(model=model, rows=rows, estimates=model.estimate(rows), attribution=attribution)  # type: ignore[arg-type]


class FiveVersions:
    """A registry with five versions of a model."""

    def __init__(self) -> None:
        self._aliases = {"champion": "1"}

    def versions(self, _name: str, count: int) -> Sequence[RegisteredVersion]:
        """Return the newest versions."""
        numbers = range(5, 0, -1)[:count]
        return [
            RegisteredVersion(version=str(number), run_id="", registered_at_us=0, test_rmse=None) for number in numbers
        ]

    def aliases(self, _name: str) -> Mapping[str, str]:
        """Return the version that each alias names."""
        return self._aliases

    def exists(self, _name: str, version: str) -> bool:
        """Return whether the model has a version."""
        return version in {"1", "2", "3", "4", "5"}

    def point(self, _name: str, alias: str, version: str) -> None:
        """Point an alias at a version."""
        self._aliases[alias] = version


class Service(NamedTuple):
    """All methods that take a request of any content."""

    runner: asyncio.Runner
    """The event loop that they run on."""
    methods: dict[str, Callable[[Any], Awaitable[list[Status]]]]
    """Answer a request; return the statuses within the answer, or raise what the call is refused with."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The core, the explanations and the services of the log, on small fakes and a real store."""
    notes = Notes()
    admission = Admission(notes, max_rows=1_000_000, max_queue_seconds=1e9)
    core = PredictionCore(notes, ListLog(), admission)
    core.model = LoadedModel(predictor=PickyModel())
    store = PredictionStore.open(f"sqlite:///{tmp_path_factory.mktemp('fuzz') / 'predictions.db'}")
    add(store, *(record(number) for number in range(5)))
    model, registry = ModelUri.parse("models:/prices@champion"), FiveVersions()
    recorder = [
        *log_endpoints(store),
        *retraining_endpoints(store, model.name),
        *version_endpoints(model, lambda: registry, store),
    ]
    with asyncio.Runner() as runner:
        yield Service(runner, dict(_methods(core, _explanations(notes, admission), recorder)))
    store.close()


def _explanations(notes: Notes, admission: Admission) -> ExplanationCore:
    explanations = ExplanationCore(notes, admission, ThreadPoolExecutor(1))
    explanations.model = PickyExplainer()  # type: ignore[assignment]
    return explanations


def _methods(
    core: PredictionCore, explanations: ExplanationCore, recorder: Sequence[UnaryEndpoint[Any, Any]]
) -> Iterator[tuple[str, Callable[[Any], Awaitable[list[Status]]]]]:
    async def predict_batch(request: BatchPredictRequest) -> list[Status]:
        answer = await batch_predict(core, request, CALLER)
        return [refusal.status for refusal in answer.refusals]

    async def stream_predict(request: StreamPredictRequest) -> list[Status]:
        async def stream() -> AsyncIterator[StreamPredictRequest]:
            yield request
            yield request

        answers = [answer async for answer in core.stream_predict(stream(), CALLER)]
        assert len(answers) == 2
        return [answer.error for answer in answers if answer.HasField("error")]

    def unary(method: Callable[[Any, Caller], Awaitable[object]]) -> Callable[[Any], Awaitable[list[Status]]]:
        async def call(request: Message) -> list[Status]:
            assert isinstance(await method(request, CALLER), Message)
            return []

        return call

    yield "Predict", unary(partial(predict, core))
    yield "BatchPredict", predict_batch
    yield "StreamPredict", stream_predict
    yield "Explain", unary(explanations.explain)
    for endpoint in recorder:
        yield endpoint.method.name, unary(endpoint.handler)


def numbers(field: FieldDescriptor) -> st.SearchStrategy[float]:
    """Any number, and often one within the bounds of a field or on them."""
    rules = field.GetOptions().Extensions[validate_pb2.field].double
    edges = st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf"), rules.gte, rules.lte])
    return st.floats(rules.gte, rules.lte) | edges | st.floats()


def values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values of a field, of any content that its type allows."""
    if field.message_type is not None:
        return messages(field)
    return {
        FieldDescriptor.TYPE_DOUBLE: numbers(field),
        FieldDescriptor.TYPE_STRING: st.sampled_from(KNOWN_TEXTS) | st.text(max_size=30).map(MARK.__add__),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_UINT32: st.integers(0, 1_001) | st.integers(0, 2**32 - 1),
        FieldDescriptor.TYPE_INT64: st.integers(1_700_000_000, 1_800_000_000) | st.integers(-(2**63), 2**63 - 1),
        FieldDescriptor.TYPE_INT32: st.integers(0, 3) | st.integers(-(2**31), 2**31 - 1),
        FieldDescriptor.TYPE_ENUM: st.integers(0, 3) | st.integers(-(2**31), 2**31 - 1),
    }[field.type]


def messages(field: FieldDescriptor) -> st.SearchStrategy[dict[str, Any]]:
    """Messages of the type of a field, as mappings."""
    assert field.message_type is not None
    return st.fixed_dictionaries({}, optional=fields(field.message_type.fields))


def fields(descriptors: Any) -> dict[str, st.SearchStrategy[Any]]:
    """Values of several fields, by their names."""
    return {each.name: st.lists(values(each), max_size=8) if each.is_repeated else values(each) for each in descriptors}


def requests(kind: type[Message]) -> st.SearchStrategy[bytes]:
    """Requests of a type on the wire: well formed ones of any content, damaged ones, and noise."""
    made = st.fixed_dictionaries({}, optional=fields(kind.DESCRIPTOR.fields)).map(
        lambda given: kind(**given).SerializeToString()
    )
    damaged = st.tuples(made, st.integers(0, 200), st.binary(max_size=8)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
    )
    return made | damaged | st.binary(max_size=100)


def check(status: Status) -> None:
    """A refusal is the caller's, has words, and repeats nothing."""
    assert status.code in CALLERS_OWN
    assert status.message
    assert MARK.encode() not in status.SerializeToString()


@pytest.mark.parametrize("method", METHODS)
def test_anything_is_answered_or_refused_as_the_callers(service: Service, method: str) -> None:
    """No request makes a call UNKNOWN or INTERNAL."""
    kind: Any = METHODS[method]
    parse = request_parser(kind)
    refused = 0

    @settings(
        max_examples=EXAMPLES // len(METHODS),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(requests(kind))
    def fuzz(data: bytes) -> None:
        nonlocal refused
        try:
            request = parse(data)
        except DecodeError:  # what the transport answers
            return
        try:
            statuses = service.runner.run(_awaited(service.methods[method](request)))
        except RequestError as error:
            statuses = [status_from_error(error)]
        refused += bool(statuses)
        for status in statuses:
            check(status)

    fuzz()  # pylint: disable=no-value-for-parameter  # Hypothesis makes it
    assert refused, "nothing was refused: these are no requests of any content"


async def _awaited(answer: Awaitable[list[Status]]) -> list[Status]:
    return await answer


def test_every_method_with_a_request_of_any_content_is_tried() -> None:
    """A method that is added to the contract is tried, too, unless its request is empty."""
    pool: Any = descriptor_pool.Default()
    found = [method for name in SERVICES for method in pool.FindServiceByName(name).methods]
    assert {method.name for method in found if method.input_type.fields} == set(METHODS)
    assert grpc.StatusCode.UNKNOWN.value[0] not in CALLERS_OWN
