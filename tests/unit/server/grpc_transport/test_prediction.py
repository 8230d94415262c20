"""PredictionService over gRPC: what reaches the core."""

from collections.abc import AsyncIterator
from functools import partial

import grpc
import pytest
import structlog

from housing_server.core.gate import Gate
from housing_server.grpc_transport.call import Call
from housing_server.grpc_transport.prediction import PredictionServicer, add_prediction_service
from serving_fakes import ListLog, Notes, make_core
from unit.server.grpc_transport.test_prediction_log import Counts


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    """A connection to a server of the service."""
    server = grpc.aio.server()
    call = partial(Call, gate=Gate(), observer=Counts(), log=structlog.get_logger())
    add_prediction_service(PredictionServicer(make_core(Notes(), ListLog()), call), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    await server.stop(None)


async def test_batch_of_two_million_rows_is_refused_by_their_number(channel: grpc.aio.Channel) -> None:
    """It is under the limit of bytes; no more rows are read than it takes to refuse it."""
    batch_predict: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
    batch_predict = channel.unary_unary("/housing.v1.PredictionService/BatchPredict")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await batch_predict(b"\x0a\x00" * 2_000_000)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "block_groups: must contain no more than 10000 item(s)"
