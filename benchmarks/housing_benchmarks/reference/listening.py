"""The harness of both servers: one process that shares a port, like a worker of the service."""

import asyncio
import signal
import sys

import grpc
import uvloop

from housing.v1.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

READY = "reference server is listening"
"""The line that a server writes once it is listening."""

OPTIONS = (
    ("grpc.so_reuseport", 1),
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 2**31 - 1),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.http.overload_protection", 0),
    ("grpc.server.max_pending_requests", 30_000),
    ("grpc.server.max_pending_requests_hard_limit", 30_000),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.absolute_max_metadata_size", 16 << 10),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
)
"""The options that the service's workers set by default."""


def listen(servicer: PredictionServiceServicer, port: int) -> None:
    """Serve on a port of the loopback address, in uvloop, until SIGTERM."""
    uvloop.run(_serve(servicer, port))


async def _serve(servicer: PredictionServiceServicer, port: int) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = grpc.aio.server(options=OPTIONS)
    add_PredictionServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    await stopped.wait()
    await server.stop(grace=0)
