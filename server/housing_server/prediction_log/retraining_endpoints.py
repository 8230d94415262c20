"""The endpoints of RetrainingService; the store is accessed on threads."""

from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf.message import Message
from sqlalchemy.exc import IntegrityError

from housing.v1 import retraining_service_pb2 as pb
from housing_server.core.callers import Caller
from housing_server.core.endpoints import UnaryEndpoint, unary
from housing_server.core.validation import RequestValidator
from housing_server.errors import TooManyRetrainings
from housing_server.prediction_log.retraining_listing import get_retraining, list_retrainings, retraining_status
from housing_server.prediction_log.retraining_messages import message
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.store_calls import StoreCalls

_SERVICE = pb.DESCRIPTOR.services_by_name["RetrainingService"]
_THREADS = 2
MAX_WAITING = 10
"""The most retrainings requested by hand that may wait."""


def retraining_endpoints(
    store: PredictionStore, model_name: str, *, hangs: Callable[[], bool] = lambda: False
) -> tuple[UnaryEndpoint[Any, Any], ...]:
    """List the endpoints of RetrainingService.

    Args:
        store: the store of the records.
        model_name: the registered model that the service serves.
        hangs: returns whether the store is known not to respond.
    """
    validator, calls = RequestValidator(), StoreCalls(hangs, _THREADS)

    def endpoint(name: str, answer: Callable[[Any, Caller], Message]) -> UnaryEndpoint[Any, Any]:
        async def handle(request: Message, caller: Caller) -> Message:
            validator.check(request)
            return await calls.run(partial(answer, request, caller))

        return unary(_SERVICE, name, handle)

    return (
        endpoint(
            "StartRetraining",
            lambda request, caller: start_retraining(store, request, caller.named(request.requested_by)),
        ),
        endpoint("ListRetrainings", lambda request, _: list_retrainings(store, request)),
        endpoint("GetRetraining", lambda request, _: get_retraining(store, request.retraining_id)),
        endpoint("GetRetrainingStatus", lambda *_: retraining_status(store, model_name)),
    )


def start_retraining(
    store: PredictionStore, request: pb.StartRetrainingRequest, requested_by: str
) -> pb.StartRetrainingResponse:
    """Record a request for a retraining; one whose id is on record already is returned as it is.

    Raises:
        TooManyRetrainings: too many wait already.
        PredictionLogUnavailable: the store is not available.
    """
    records, retraining_id = RetrainingRecords(store), request.retraining_id.lower()
    found = records.find(retraining_id) if retraining_id else None
    if found is None:
        waiting = sum(each.trigger == "manual" for each in records.waiting())
        if waiting >= MAX_WAITING:
            raise TooManyRetrainings(waiting)
        found = _request(records, request.reason, retraining_id, requested_by)
    return pb.StartRetrainingResponse(retraining=message(found))


def _request(records: RetrainingRecords, reason: str, retraining_id: str, requested_by: str) -> Retraining:
    try:
        return records.request("manual", reason=reason, requested_by=requested_by, retraining_id=retraining_id)
    except IntegrityError:  # another call with the same id was quicker
        found = records.find(retraining_id)
        if found is None:
            raise
        return found
