"""The reference servers are the transport that the service uses, and nothing else."""

from pathlib import Path

from housing_benchmarks.reference.listening import OPTIONS
from housing_server.grpc_transport.server import ServerLimits, server_options
from housing_server.settings import ServerSettings
from housing_server.supervision.process_configs import ProcessConfigs


def test_reference_servers_listen_as_workers_do() -> None:
    """They set the options of gRPC that a worker sets by default, so that the same transport is measured."""
    worker = ProcessConfigs(ServerSettings(), 50051, Path()).worker(0)
    limits = ServerLimits(
        max_connection_age_seconds=worker.max_connection_age_seconds,
        max_concurrent_streams=worker.max_concurrent_streams,
    )
    assert dict(OPTIONS) == dict(server_options(limits))
