"""The endpoints of ModelService that are about the registry; it and the store are accessed on threads."""

from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf.message import Message

from housing.v1 import model_service_pb2 as pb
from housing_server.core.callers import Caller
from housing_server.core.endpoints import UnaryEndpoint, unary
from housing_server.core.validation import RequestValidator
from housing_server.model_store.uri import ModelUri
from housing_server.model_versions.changing import ChampionChanger, Wish
from housing_server.model_versions.messages import change_message, versions_response
from housing_server.model_versions.registry import OpenRegistry, VersionRegistry
from housing_server.prediction_log.champion_history import ChampionHistory
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.page_tokens import position_from_token, token_from_position
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.store_calls import StoreCalls
from housing_server.prediction_log.tables import Position

_SERVICE = pb.DESCRIPTOR.services_by_name["ModelService"]
_READERS = 2
_VERSIONS_LISTED = 1000
_DEFAULT_PAGE_SIZE = 100


def version_endpoints(
    model: ModelUri,
    open_registry: OpenRegistry,
    store: PredictionStore,
    *,
    hangs: Callable[[], bool] = lambda: False,
) -> tuple[UnaryEndpoint[Any, Any], ...]:
    """List the endpoints.

    Args:
        model: the model that the service serves.
        open_registry: returns its registry.
        store: the store of the audit trail.
        hangs: returns whether the store is known not to respond.
    """
    validator, changer = RequestValidator(), ChampionChanger(model, open_registry, store)
    reads, changes = StoreCalls(hangs, _READERS), StoreCalls(hangs, 1)  # one change at a time

    def endpoint(name: str, calls: StoreCalls, answer: Callable[[Any, Caller], Message]) -> UnaryEndpoint[Any, Any]:
        async def handle(request: Message, caller: Caller) -> Message:
            validator.check(request)
            return await calls.run(partial(answer, request, caller))

        return unary(_SERVICE, name, handle)

    return (
        endpoint("ListModelVersions", reads, lambda *_: _list_versions(model, open_registry(), store)),
        endpoint("ListModelChanges", reads, lambda request, _: _list_changes(model, store, request)),
        endpoint("PromoteModelVersion", changes, partial(_promote, changer)),
        endpoint("RollbackModel", changes, partial(_roll_back, changer)),
    )


def _list_versions(model: ModelUri, registry: VersionRegistry, store: PredictionStore) -> pb.ListModelVersionsResponse:
    versions, aliases = registry.versions(model.name, _VERSIONS_LISTED), registry.aliases(model.name)
    objections = ChampionHistory(model.name, ModelChanges(store)).objections(RetrainingRecords(store))
    return versions_response(model, versions, aliases, objections)


def _list_changes(
    model: ModelUri, store: PredictionStore, request: pb.ListModelChangesRequest
) -> pb.ListModelChangesResponse:
    size = request.page_size or _DEFAULT_PAGE_SIZE
    found = ModelChanges(store).newest(model.name, size + 1, before=position_from_token(request))
    page = pb.ListModelChangesResponse(changes=map(change_message, found[:size]))
    if len(found) > size:
        last = found[size - 1]
        page.next_page_token = token_from_position(Position(last.changed_at_us, last.change_id), request)
    return page


def _promote(
    changer: ChampionChanger, request: pb.PromoteModelVersionRequest, caller: Caller
) -> pb.PromoteModelVersionResponse:
    change = changer.promote(request.version, _wish(request, caller), force=request.force)
    return pb.PromoteModelVersionResponse(change=None if change is None else change_message(change))


def _roll_back(changer: ChampionChanger, request: pb.RollbackModelRequest, caller: Caller) -> pb.RollbackModelResponse:
    return pb.RollbackModelResponse(change=change_message(changer.roll_back(_wish(request, caller))))


def _wish(request: pb.PromoteModelVersionRequest | pb.RollbackModelRequest, caller: Caller) -> Wish:
    return Wish(
        changed_by=caller.named(request.changed_by), reason=request.reason, champion_version=request.champion_version
    )
