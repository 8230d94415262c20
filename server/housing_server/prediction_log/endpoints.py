"""The endpoints of PredictionLogService and OutcomeService; the store is accessed on threads."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from housing.v1 import outcome_service_pb2, prediction_log_service_pb2
from housing.v1.outcome_service_pb2 import OutcomeResult, RecordOutcomesRequest, RecordOutcomesResponse
from housing_server.core.admission import Admission
from housing_server.core.callers import Caller
from housing_server.core.endpoints import UnaryEndpoint, unary
from housing_server.core.validation import RequestValidator
from housing_server.prediction_log.listing import get_prediction, list_predictions
from housing_server.prediction_log.outcomes import record_outcomes
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.statistics import get_prediction_stats
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.store_calls import StoreCalls

_LOG = prediction_log_service_pb2.DESCRIPTOR.services_by_name["PredictionLogService"]
_OUTCOMES = outcome_service_pb2.DESCRIPTOR.services_by_name["OutcomeService"]
_READERS = 8
_WRITERS = 2
"""Concurrent calls that read, and that write outcomes; as many connections as the store's pool keeps."""

_MAX_OUTCOMES = 50_000
"""The most outcomes in flight: requests are recorded one after the other, and wait in memory."""


class _Uncounted:
    """Counts no refusals: the worker that relayed a call counts its outcome."""

    def not_admitted(self, reason: str) -> None:
        """Do nothing."""


class OutcomeObserver(Protocol):
    """Counts outcomes."""

    def outcomes(self, result: str, count: int) -> None:
        """Count outcomes that were `recorded`, `unchanged`, `revised`, `late` or `unknown`."""


def log_endpoints(
    store: PredictionStore,
    observer: OutcomeObserver | None = None,
    *,
    hangs: Callable[[], bool] = lambda: False,
) -> tuple[UnaryEndpoint[Any, Any], ...]:
    """List the endpoints of the services of the prediction log.

    Args:
        store: the store of the log.
        observer: counts outcomes.
        hangs: returns whether the store is known not to respond.
    """
    validator = RequestValidator()
    reads, writes = StoreCalls(hangs, _READERS), StoreCalls(hangs, _WRITERS)

    def endpoint(service: ServiceDescriptor, name: str, answer: Callable[[Any], Message]) -> UnaryEndpoint[Any, Any]:
        async def handle(request: Message, _caller: Caller) -> Message:
            validator.check(request)
            return await reads.run(partial(answer, request))

        return unary(service, name, handle)

    return (
        endpoint(_LOG, "ListPredictions", lambda request: list_predictions(store, request)),
        endpoint(_LOG, "GetPrediction", lambda request: get_prediction(store, request.prediction_id)),
        endpoint(_LOG, "GetPredictionStats", lambda request: get_prediction_stats(store, request, now_us=now_us())),
        unary(_OUTCOMES, "RecordOutcomes", _recorder_of_outcomes(store, validator, observer, writes)),
    )


def _recorder_of_outcomes(
    store: PredictionStore, validator: RequestValidator, observer: OutcomeObserver | None, writes: StoreCalls
) -> Callable[[RecordOutcomesRequest, Caller], Awaitable[RecordOutcomesResponse]]:
    admission = Admission(_Uncounted(), max_rows=_MAX_OUTCOMES, max_queue_seconds=math.inf)

    def record(request: RecordOutcomesRequest) -> RecordOutcomesResponse:
        """Check and record, on a thread: checking ten thousand outcomes takes a while."""
        validator.check(request)
        return record_outcomes(store, request, now_us=now_us())

    async def handle(request: RecordOutcomesRequest, _caller: Caller) -> RecordOutcomesResponse:
        with admission.admit(len(request.outcomes)):
            response = await writes.run(partial(record, request))
        if observer is not None:
            _count(response, observer)
        return response

    return handle


def _count(response: RecordOutcomesResponse, observer: OutcomeObserver) -> None:
    for result, count in Counter(outcome.result for outcome in response.outcomes).items():
        name = OutcomeResult.Name(result)
        observer.outcomes(name.removeprefix("OUTCOME_RESULT_").lower(), count)
