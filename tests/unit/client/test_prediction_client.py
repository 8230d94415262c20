"""Both clients, against a real server: results, errors, retries, deadlines, batches."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from housing.features import FEATURES
from housing.rows import message_from_mapping
from housing.rules import BATCH_SIZES, UNUSUAL_RULES
from housing.v1.prediction_service_pb2 import BatchPredictRequest, BatchPredictResponse, Prediction
from housing_client import (
    AsyncPredictionClient,
    DeadlineExceededError,
    Deadlines,
    HousingError,
    InvalidRequestError,
    NotFoundError,
    NotPermittedError,
    OverloadedError,
    PredictionClient,
    PredictionWarning,
    Retries,
    ServiceError,
    UnavailableError,
    Violation,
)
from housing_client.channel import channel_options, resolve_target
from unit.client.fake_prediction_service import (
    BERKELEY,
    CARD,
    PREDICTED_AT,
    PROFILE,
    TRAINED_AT,
    FakePredictionService,
    failed,
    refused,
)

Ask = Callable[..., Any]

PATIENT = Deadlines(predict=60, describe=60)
"""Enough for a busy machine."""
QUICK = Retries(first_pause=0.02)
"""What is said of attempts holds for any pauses."""


def _ask(target: str, method: str, *args: Any, **kwargs: Any) -> Any:
    with PredictionClient(target, deadlines=PATIENT, retries=QUICK) as client:
        return getattr(client, method)(*args, **kwargs)


def _ask_async(target: str, method: str, *args: Any, **kwargs: Any) -> Any:
    async def ask() -> Any:
        async with AsyncPredictionClient(target, deadlines=PATIENT, retries=QUICK) as client:
            return await getattr(client, method)(*args, **kwargs)

    return asyncio.run(ask())


@pytest.fixture(params=[_ask, _ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask through either client."""
    found: Ask = request.param
    return found


def _block_groups(count: int) -> Iterator[dict[str, Any]]:
    return (BERKELEY | {"population": float(number)} for number in range(1, count + 1))


def test_a_prediction_is_a_typed_value(ask: Ask, target: str) -> None:
    """Value, id, model and time arrive under the contract's names, the time in UTC."""
    prediction = ask(target, "predict", **BERKELEY)
    assert prediction.median_house_value == pytest.approx(83_252)
    assert (prediction.prediction_id, prediction.model_name, prediction.model_version) == ("id-322", "fake", "7")
    assert prediction.predicted_at == PREDICTED_AT
    assert prediction.predicted_at.tzinfo is PREDICTED_AT.tzinfo
    assert prediction.warnings == ()
    with pytest.raises(FrozenInstanceError):
        prediction.median_house_value = 0.0


@pytest.mark.parametrize("given", [BERKELEY, message_from_mapping(BERKELEY)], ids=["mapping", "message"])
def test_a_block_group_can_be_given_whole(ask: Ask, target: str, given: Any) -> None:
    """A mapping or a message means the same as keyword fields."""
    assert ask(target, "predict", given) == ask(target, "predict", **BERKELEY)


def test_warnings_come_with_the_prediction(ask: Ask, target: str) -> None:
    """A warning says which field, why, and in words."""
    prediction = ask(target, "predict", BERKELEY | {"population": 900.0})
    assert prediction.warnings == (PredictionWarning(reason="CROWDED", field="population", message="many people"),)


def test_a_name_outside_the_contract_is_refused_before_any_call(
    ask: Ask, target: str, service: FakePredictionService
) -> None:
    """A misspelt field is an error of the caller's code, and the service never sees it."""
    with pytest.raises(ValueError, match="lattitude: no such field"):
        ask(target, "predict", lattitude=37.0)
    assert service.attempts == 0


@pytest.mark.parametrize(("method", "given"), [("predict", [BERKELEY]), ("predict_batch", BERKELEY)])
def test_a_wrong_number_of_block_groups_is_a_type_error(
    ask: Ask, target: str, service: FakePredictionService, method: str, given: object
) -> None:
    """Several where one is expected, and one where several are; the message says what to pass."""
    with pytest.raises(TypeError, match="must be a BlockGroup or a mapping of field names to values, not"):
        ask(target, method, given)
    assert service.attempts == 0


def test_a_deadline_without_an_answer_says_what_to_check() -> None:
    """The text of gRPC only says that it has passed."""
    error = DeadlineExceededError(status_pb2.Status(code=code_pb2.DEADLINE_EXCEEDED, message="Deadline Exceeded"))
    assert "is the target right, and the service running?" in str(error)


def test_a_block_group_and_fields_together_are_refused(ask: Ask, target: str) -> None:
    """Which of the two counts would be a guess."""
    with pytest.raises(TypeError, match="not both"):
        ask(target, "predict", BERKELEY, latitude=37.0)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (code_pb2.INVALID_ARGUMENT, InvalidRequestError),
        (code_pb2.UNAUTHENTICATED, NotPermittedError),
        (code_pb2.PERMISSION_DENIED, NotPermittedError),
        (code_pb2.RESOURCE_EXHAUSTED, OverloadedError),
        (code_pb2.DEADLINE_EXCEEDED, DeadlineExceededError),
        (code_pb2.INTERNAL, ServiceError),
        (code_pb2.UNIMPLEMENTED, ServiceError),
    ],
)
def test_every_code_has_its_error(
    ask: Ask, target: str, service: FakePredictionService, code: int, expected: type[HousingError]
) -> None:
    """The class follows the code; message, reason and the original are kept."""
    detail = error_details_pb2.ErrorInfo(reason="BECAUSE", domain="housing.v1")
    for method, arguments in (("predict", [BERKELEY]), ("predict_batch", [[BERKELEY]]), ("model", []), ("status", [])):
        service.failures = [failed(code, "no", detail)]
        with pytest.raises(HousingError) as caught:
            ask(target, method, *arguments)
        assert caught.type is expected
        assert (str(caught.value), caught.value.reason, caught.value.code.value[0]) == ("no", "BECAUSE", code)
        assert isinstance(caught.value.__cause__, grpc.RpcError)


def test_violations_are_named(ask: Ask, target: str) -> None:
    """A refused request says which fields break which rules."""
    with pytest.raises(InvalidRequestError) as caught:
        ask(target, "predict", BERKELEY | {"longitude": 10.0})
    expected = Violation(field="block_group.longitude", reason="double.lte", description="must be less")
    assert caught.value.violations == (expected,)
    assert caught.value.reason == "INVALID_REQUEST"
    assert "block_group.longitude: must be less (double.lte)" in str(caught.value)


def test_an_unavailable_service_is_tried_again(ask: Ask, target: str, service: FakePredictionService) -> None:
    """Four refusals and an answer are an answer; all attempts have one request id, and the next call has another."""
    service.failures = [failed(code_pb2.UNAVAILABLE, "wait")] * 4
    assert ask(target, "predict", BERKELEY).model_name == "fake"
    ask(target, "model")
    assert service.attempts == 6
    (repeated, once), times = zip(*Counter(service.request_ids).items(), strict=True)
    assert (times, repeated != once) == ((5, 1), True)


def test_trying_again_comes_to_an_end(ask: Ask, target: str, service: FakePredictionService) -> None:
    """The fifth refusal is the caller's, with the service's own reason."""
    detail = error_details_pb2.ErrorInfo(reason="MODEL_NOT_LOADED", domain="housing.v1")
    service.failures = [failed(code_pb2.UNAVAILABLE, "wait", detail)] * 9
    with pytest.raises(UnavailableError) as caught:
        ask(target, "predict", BERKELEY)
    assert service.attempts == 5
    assert caught.value.reason == "MODEL_NOT_LOADED"


def test_the_last_attempt_is_made_before_the_deadline() -> None:
    """By default, so that an error reports the cause, and not that time was up."""
    retries, deadline = Retries(), Deadlines().predict
    assert deadline is not None
    assert sum(retries.pause(failures) for failures in range(1, retries.attempts)) < deadline - 0.5


def test_an_invalid_request_is_not_tried_again(ask: Ask, target: str, service: FakePredictionService) -> None:
    """It would fail again."""
    with pytest.raises(InvalidRequestError):
        ask(target, "predict", BERKELEY | {"longitude": 10.0})
    assert service.attempts == 1


def test_the_largest_batch_is_tried_again(ask: Ask, target: str, service: FakePredictionService) -> None:
    """It fits gRPC's retry buffer, beyond which calls are not repeated."""
    service.failures = [failed(code_pb2.UNAVAILABLE, "wait")]
    assert len(ask(target, "predict_batch", [BERKELEY] * BATCH_SIZES[-1])) == BATCH_SIZES[-1]
    assert service.attempts == 2


def test_a_call_ends_at_its_deadline(ask: Ask, target: str, service: FakePredictionService) -> None:
    """A service that never answers costs the deadline and no more."""
    service.hold = threading.Event()
    try:
        with pytest.raises(DeadlineExceededError):
            ask(target, "predict", BERKELEY, deadline=0.2)
    finally:
        service.hold.set()


def test_nothing_at_the_target_is_unavailable(ask: Ask) -> None:
    """A wrong target fails as such, not by running into the deadline."""
    with pytest.raises(UnavailableError):
        ask("localhost:1", "predict", BERKELEY)


def test_batches_are_as_large_as_the_contract_allows(ask: Ask, target: str, service: FakePredictionService) -> None:
    """One block group too many makes a second batch of the same request id, and the order is that of the request."""
    limit = BATCH_SIZES[-1]
    predictions = ask(target, "predict_batch", _block_groups(limit + 1))
    assert service.batch_sizes == [limit, 1]
    assert (len(service.request_ids), len(set(service.request_ids))) == (2, 1)
    assert [found.prediction_id for found in predictions] == [f"id-{n:g}" for n in range(1, limit + 2)]
    assert predictions[-1].predicted_at == PREDICTED_AT


def test_violations_in_a_later_batch_are_counted_from_the_first(ask: Ask, target: str) -> None:
    """The index is the place among all that was given, not within a batch the caller did not make."""
    limit = BATCH_SIZES[-1]
    bad = BERKELEY | {"longitude": 10.0}
    with pytest.raises(InvalidRequestError) as caught:
        ask(target, "predict_batch", [BERKELEY] * limit + [BERKELEY, bad, bad])
    assert [found.field for found in caught.value.violations] == [
        f"block_groups[{limit + 1}].longitude",
        f"block_groups[{limit + 2}].longitude",
    ]


def test_no_block_groups_need_no_call(ask: Ask, target: str, service: FakePredictionService) -> None:
    """An empty batch, which the contract refuses, is never sent."""
    assert ask(target, "predict_batch", []) == []
    assert service.attempts == 0


def test_the_model_is_described(ask: Ask, target: str) -> None:
    """The description holds what the service sent, the contract's features included."""
    model = ask(target, "model")
    assert (model.name, model.version, model.alias, model.runtime) == ("fake", "7", "champion", "onnx")
    assert model.trained_at == TRAINED_AT
    assert model.metrics == {"test_rmse": 41_000.4, "test_r2": 0.86}
    assert model.features == FEATURES


def test_the_models_card_is_given(ask: Ask, target: str) -> None:
    """Its text arrives as it was written, with the version that it belongs to."""
    card = ask(target, "model_card")
    assert (card.model_name, card.model_version, card.markdown) == ("fake", "7", CARD)


def test_the_models_profile_is_returned(ask: Ask, target: str) -> None:
    """It is the contract's own document, with the version that it belongs to."""
    found = ask(target, "model_profile")
    assert (found.model_name, found.model_version, found.profile) == ("fake", "7", PROFILE)


def test_a_model_without_a_profile_is_not_found(ask: Ask, target: str, service: FakePredictionService) -> None:
    """As for its card."""
    service.failures = [failed(code_pb2.NOT_FOUND, "no profile")]
    with pytest.raises(NotFoundError):
        ask(target, "model_profile")


def test_the_status_is_reported(ask: Ask, target: str) -> None:
    """The state is one word, and counts are where they belong."""
    status = ask(target, "status")
    assert (status.status, status.model_loaded, status.uptime_seconds) == ("SERVING", True, 90.2)
    assert (status.workers.configured, status.workers.serving, status.workers.restarts) == (2, 1, 3)
    assert status.resources.memory_total_bytes == 2**32


def test_the_largest_legal_batch_and_its_answer_fit_the_message_limits() -> None:
    """Every field set, and every warning there is, on every block group."""
    options = dict(channel_options())
    limit = BATCH_SIZES[-1]
    request = BatchPredictRequest(block_groups=[message_from_mapping(BERKELEY)] * limit)
    warnings = [rule.warning for rule in UNUSUAL_RULES]
    prediction = Prediction(prediction_id="0" * 36, median_house_value=1.0, warnings=warnings)
    response = BatchPredictResponse(predictions=[prediction] * limit)
    assert request.ByteSize() <= options["grpc.max_send_message_length"]
    assert response.ByteSize() <= options["grpc.max_receive_message_length"]


def test_the_target_comes_from_the_argument_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given wins over HOUSING_TARGET, which wins over the default."""
    monkeypatch.delenv("HOUSING_TARGET", raising=False)
    assert resolve_target(None) == "localhost:50051"
    monkeypatch.setenv("HOUSING_TARGET", "elsewhere:1")
    assert resolve_target(None) == "elsewhere:1"
    assert resolve_target("here:2") == "here:2"
    with pytest.raises(ValueError, match="HOST:PORT of the gRPC services"):
        resolve_target("http://127.0.0.1:8080")


def test_a_proxy_that_rewrites_the_message_leaves_an_error() -> None:
    """Details that contradict the call's own status are dropped, not raised as another error."""

    class Rewritten(grpc.aio.AioRpcError):
        """A call whose message was replaced on the way."""

    original = refused("block_group.longitude")
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", original.SerializeToString()))
    from housing_client.errors import housing_errors  # noqa: PLC0415

    with pytest.raises(InvalidRequestError) as caught, housing_errors():
        raise Rewritten(grpc.StatusCode.INVALID_ARGUMENT, grpc.aio.Metadata(), trailers, "rewritten")
    assert (str(caught.value), caught.value.violations) == ("rewritten", ())
