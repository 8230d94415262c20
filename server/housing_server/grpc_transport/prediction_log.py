"""PredictionLogService and OutcomeService over grpc.aio: what is asked of the store is done on threads."""

# The contract names and documents the methods of a servicer.
# pylint: disable=invalid-name,invalid-overridden-method
# ruff: noqa: N802, D102

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import grpc
from grpc import aio

from housing.v1 import outcome_service_pb2, prediction_log_service_pb2
from housing.v1.outcome_service_pb2_grpc import OutcomeServiceServicer, add_OutcomeServiceServicer_to_server
from housing.v1.prediction_log_service_pb2_grpc import (
    PredictionLogServiceServicer,
    add_PredictionLogServiceServicer_to_server,
)
from housing_server.core.admission import Admission
from housing_server.core.parsing import request_parser
from housing_server.core.validation import RequestValidator
from housing_server.grpc_transport.call import Method
from housing_server.prediction_log.listing import get_prediction, list_predictions
from housing_server.prediction_log.outcomes import record_outcomes
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.statistics import get_prediction_stats

if TYPE_CHECKING:
    from housing_server.grpc_transport.prediction import CallFactory, Context
    from housing_server.prediction_log.store import PredictionStore

_LOG = prediction_log_service_pb2.DESCRIPTOR.services_by_name["PredictionLogService"].full_name
_OUTCOMES = outcome_service_pb2.DESCRIPTOR.services_by_name["OutcomeService"].full_name

_LIST_PREDICTIONS = Method(kind="unary", service=_LOG, name="ListPredictions")
_GET_PREDICTION = Method(kind="unary", service=_LOG, name="GetPrediction")
_GET_PREDICTION_STATS = Method(kind="unary", service=_LOG, name="GetPredictionStats")
_RECORD_OUTCOMES = Method(kind="unary", service=_OUTCOMES, name="RecordOutcomes")


_MAX_OUTCOMES = 50_000
"""The most outcomes that may be under way: they are recorded one request after the other, and wait in memory."""


class _Uncounted:
    """Counts no refusals: the worker that relayed a call counts how it ended."""

    def not_admitted(self, reason: str) -> None:
        """Count nothing."""


class OutcomeObserver(Protocol):
    """Who is told of outcomes."""

    def outcomes(self, result: str, count: int) -> None:
        """Note so many outcomes that were `recorded`, `unchanged`, `revised`, `late` or `unknown`."""


def add_log_services(
    server: aio.Server, store: PredictionStore, call: CallFactory, observer: OutcomeObserver | None = None
) -> None:
    """Let a server answer the services about the prediction log.

    Args:
        server: the server; not started yet.
        store: where the log is.
        call: makes what goes around every call.
        observer: is told of outcomes.
    """
    validator = RequestValidator()
    add_PredictionLogServiceServicer_to_server(PredictionLogServicer(store, call, validator), server)
    servicer = OutcomeServicer(store, call, validator, observer)
    record_outcomes_handler = grpc.unary_unary_rpc_method_handler(
        servicer.RecordOutcomes,
        request_deserializer=request_parser(outcome_service_pb2.RecordOutcomesRequest),
        response_serializer=outcome_service_pb2.RecordOutcomesResponse.SerializeToString,
    )
    # The first handler of a method is the one that is used: this one parses no more than a request may hold.
    first = grpc.method_handlers_generic_handler(_OUTCOMES, {_RECORD_OUTCOMES.name: record_outcomes_handler})
    server.add_generic_rpc_handlers((first,))
    add_OutcomeServiceServicer_to_server(servicer, server)


class PredictionLogServicer(PredictionLogServiceServicer):
    """PredictionLogService over grpc.aio."""

    def __init__(self, store: PredictionStore, call: CallFactory, validator: RequestValidator) -> None:
        self._store = store
        self._call = call
        self._validator = validator

    async def ListPredictions(
        self, request: prediction_log_service_pb2.ListPredictionsRequest, context: Context
    ) -> prediction_log_service_pb2.ListPredictionsResponse:
        async with self._call(_LIST_PREDICTIONS, context):
            self._validator.check(request)
            return await asyncio.to_thread(list_predictions, self._store, request)

    async def GetPrediction(
        self, request: prediction_log_service_pb2.GetPredictionRequest, context: Context
    ) -> prediction_log_service_pb2.GetPredictionResponse:
        async with self._call(_GET_PREDICTION, context):
            self._validator.check(request)
            return await asyncio.to_thread(get_prediction, self._store, request.prediction_id)

    async def GetPredictionStats(
        self, request: prediction_log_service_pb2.GetPredictionStatsRequest, context: Context
    ) -> prediction_log_service_pb2.GetPredictionStatsResponse:
        async with self._call(_GET_PREDICTION_STATS, context):
            self._validator.check(request)
            return await asyncio.to_thread(get_prediction_stats, self._store, request, now_us=now_us())


class OutcomeServicer(OutcomeServiceServicer):
    """OutcomeService over grpc.aio."""

    def __init__(
        self,
        store: PredictionStore,
        call: CallFactory,
        validator: RequestValidator,
        observer: OutcomeObserver | None,
    ) -> None:
        self._store = store
        self._call = call
        self._validator = validator
        self._observer = observer
        self._admission = Admission(_Uncounted(), max_rows=_MAX_OUTCOMES, max_queue_seconds=math.inf)

    async def RecordOutcomes(
        self, request: outcome_service_pb2.RecordOutcomesRequest, context: Context
    ) -> outcome_service_pb2.RecordOutcomesResponse:
        async with self._call(_RECORD_OUTCOMES, context):
            with self._admission.admit(len(request.outcomes)):
                response = await asyncio.to_thread(self._record, request)
            self._count(response)
            return response

    def _record(self, request: outcome_service_pb2.RecordOutcomesRequest) -> outcome_service_pb2.RecordOutcomesResponse:
        """Check and record, on a thread: ten thousand outcomes take a while to look at."""
        self._validator.check(request)
        return record_outcomes(self._store, request, now_us=now_us())

    def _count(self, response: outcome_service_pb2.RecordOutcomesResponse) -> None:
        if self._observer is not None:
            for result, count in Counter(outcome.result for outcome in response.outcomes).items():
                name = outcome_service_pb2.OutcomeResult.Name(result)
                self._observer.outcomes(name.removeprefix("OUTCOME_RESULT_").lower(), count)
