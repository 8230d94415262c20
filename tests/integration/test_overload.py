"""A service that has more work than it can do says so at once, and does what it has begun."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from running import TRANSPORTS, running_service, transport_or_skip, wait_for

CALLS = 8


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_too_much_is_refused_with_a_time_to_try_again(
    state_dir: Path, block_group: BlockGroup, transport: str
) -> None:
    """One batch is computed; those that come meanwhile are refused, and afterwards all is as before."""
    request = BatchPredictRequest(block_groups=[block_group] * 10_000)
    with (
        running_service(state_dir, workers=1, max_rows_in_flight=1, transport=transport_or_skip(transport)) as service,
        grpc.insecure_channel(service.target, options=[("grpc.enable_retries", 0)]) as channel,
    ):
        stub = PredictionServiceStub(channel)
        calls: list[Any] = []

        def refused() -> list[Any] | None:
            # On a busy machine a batch may be answered before the next one arrives.
            burst = [stub.BatchPredict.future(request, timeout=60) for _ in range(CALLS)]
            calls.extend(burst)
            return [call for call in burst if call.exception() is not None] or None

        refusals = wait_for(refused, "a refusal")
        assert len(refusals) < len(calls)
        for refusal in refusals:
            assert_says_when_to_try_again(refusal)
        assert stub.Predict(PredictRequest(block_group=block_group)).prediction_id


def assert_says_when_to_try_again(refusal: grpc.Call) -> None:
    """The status carries a reason and a pause."""
    assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = rpc_status.from_call(refusal)
    assert status is not None
    retry, info = RetryInfo(), ErrorInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() > 0
    assert status.details[1].Unpack(info)
    assert info.reason == "OVERLOADED"
