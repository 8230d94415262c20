"""A worker inside Envoy, from the outside: becomes an Envoy that runs `housing_server.processes.embedded`.

Started by the supervisor instead of `worker`. It reads its configuration, which Envoy needs at the start, and hands its
end of the control socket on: the process that the supervisor watches is the one that serves.
"""

import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

from housing_server.asgi_transport.envoy import command, environment, python_filter
from housing_server.control.messages import ConfigureEnvoy, ConfigureWorker, decode
from housing_server.gateway.config import Front, configuration, write
from housing_server.gateway.embedding import Embedding, embed
from housing_server.gateway.upstreams import Upstream
from housing_server.observability.logs import log_level
from housing_server.processes.embedded_settings import ACCESS_LOG, ADMIN_SOCKET, CONFIGURATION, CONTROL
from housing_server.processes.helpers import helpers

_APPLICATION = "housing_server.processes.embedded:application"
_MAX_CONNECTIONS = 50_000


def main(control: int) -> None:
    """Read the first message from the control socket, and run Envoy in this process."""
    line = _first_line(control)
    config = decode(line) if line else None
    if not isinstance(config, ConfigureWorker):
        return  # the supervisor has exited
    assert config.inside_envoy is not None  # noqa: S101 - the supervisor has chosen this program
    folder = Path(config.inside_envoy.run_dir)
    admin_socket = folder / f"{config.name}.sock"
    admin_socket.unlink(missing_ok=True)
    log, log_writer = _inheritable_pipe()
    made = _configuration(config, config.inside_envoy, admin_socket, log_writer)
    path = write(made, folder / f"{config.name}-envoy.json")
    parameters = {
        CONTROL: str(control),
        CONFIGURATION: line.decode(),
        ADMIN_SOCKET: str(admin_socket),
        ACCESS_LOG: str(log),
    }
    arguments = command(path)
    os.execve(arguments[0], arguments, environment() | parameters)  # noqa: S606 - no shell is needed


def _inheritable_pipe() -> tuple[int, int]:
    """Return the file descriptors of a pipe, to read from and to write to, which outlive `exec`."""
    ends = os.pipe()
    for end in ends:
        os.set_inheritable(end, True)
    return ends


def _configuration(
    config: ConfigureWorker, around: ConfigureEnvoy, admin_socket: Path, log_writer: int
) -> dict[str, Any]:
    """Return the configuration of the Envoy around a worker: the gateway's, with the worker in it."""
    front = Front(
        process=config.name,
        host=around.gateway_host,
        port=around.gateway_port,
        metrics_host=around.metrics_host,
        metrics_port=around.metrics_port,
        heap_mb=around.gateway_heap_mb,
        max_connections=_MAX_CONNECTIONS,
        tls=config.tls,
        peer_addresses=config.peer_addresses,
        cors_origins=around.cors_origins,
        names=around.gateway_names,
        shows_metrics=around.shows_metrics,
        logs_all=log_level() <= logging.INFO,
    )
    embedding = Embedding(
        host=config.host,
        port=config.port,
        names=around.grpc_names,
        front_names=around.gateway_names,
        max_connection_age_seconds=config.max_connection_age_seconds,
        max_concurrent_streams=config.max_concurrent_streams,
        unresponsive_seconds=around.unresponsive_seconds,
        access_log=f"/proc/self/fd/{log_writer}",
        upstreams=[Upstream(name=each.name, socket=each.socket, methods=each.methods) for each in helpers(config)],
    )
    # Whoever answers a call traces it.
    gateway = configuration(front, None, Path(around.run_dir), admin_socket)
    return embed(gateway, embedding, python_filter(_APPLICATION))


def _first_line(control: int) -> bytes:
    """Read a single line: what follows is for the process that this one becomes."""
    line = b""
    with socket.socket(fileno=os.dup(control)) as end:
        while not line.endswith(b"\n") and (byte := end.recv(1)):
            line += byte
    return line


if __name__ == "__main__":
    main(int(sys.argv[1]))
