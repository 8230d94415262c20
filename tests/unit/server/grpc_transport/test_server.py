"""The limits of a server towards its callers."""

from importlib import import_module
from pathlib import Path

import pytest

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.prediction_service_pb2 import StreamPredictRequest
from housing_client.channel import channel_options
from housing_server.grpc_transport.server import ServerLimits, server_options
from http2 import DATA, GOAWAY, Http2Connection
from served import Served


@pytest.mark.parametrize("limits", [ServerLimits(max_connection_age_seconds=0.01, max_concurrent_streams=256)])
async def test_stream_outlives_the_age_of_its_connection(served: Served) -> None:
    """The client is asked to make new calls elsewhere; the stream goes on for as long as its caller sends."""
    request = StreamPredictRequest(block_group=message_from_mapping(BERKELEY)).SerializeToString()
    async with Http2Connection.open(served.port) as connection:
        stream = connection.start("/housing.v1.PredictionService/StreamPredict")
        await connection.frame(GOAWAY)  # a warning,
        await connection.frame(GOAWAY)  # and the number of the last stream that is still answered
        for _ in range(3):
            connection.send(stream, request, end=False)
            assert b"id-" in (await connection.frame(DATA))[2]
    assert served.counts.started == {"StreamPredict": 1}


def test_options_are_known_to_grpc() -> None:
    """It ignores a name that it does not know, so a misspelt option would do nothing."""
    names = [name for name, _ in server_options(ServerLimits(max_connection_age_seconds=1, max_concurrent_streams=1))]
    library = Path(str(import_module("grpc._cython.cygrpc").__file__)).read_bytes()
    assert not [name for name in (*names, *dict(channel_options())) if name.encode() + b"\x00" not in library]


def test_options_allow_what_clients_may_do() -> None:
    """Pings every five seconds, streams without end, one limit of metadata, and as many calls at once as they like."""
    options = dict(server_options(ServerLimits(max_connection_age_seconds=300, max_concurrent_streams=256)))
    assert options["grpc.http2.min_ping_interval_without_data_ms"] < 5_000
    assert options["grpc.keepalive_permit_without_calls"] == 1
    assert options["grpc.max_connection_age_grace_ms"] == 2**31 - 1
    assert options["grpc.max_metadata_size"] == options["grpc.absolute_max_metadata_size"]
    assert options["grpc.http.overload_protection"] == 0
