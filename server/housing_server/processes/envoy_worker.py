"""A worker inside Envoy, from the outside: becomes an Envoy that runs `housing_server.processes.embedded`.

Started by the supervisor instead of `worker`. It reads its configuration, which Envoy needs at the start, and hands its
end of the control socket on: the process that the supervisor watches is the one that serves.
"""

import os
import socket
import sys
from pathlib import Path

from housing_server.asgi_transport.envoy import Listener, command, environment, write_configuration
from housing_server.control.messages import ConfigureWorker, decode
from housing_server.processes.embedded_settings import ADMIN_SOCKET, CONFIGURATION, CONTROL

_APPLICATION = "housing_server.processes.embedded:application"


def main(control: int) -> None:
    """Read the first message from the control socket, and run Envoy in this process."""
    line = _first_line(control)
    config = decode(line) if line else None
    if not isinstance(config, ConfigureWorker):
        return  # the supervisor has exited
    folder = Path(config.run_dir)
    listener = Listener(
        host=config.host,
        port=config.port,
        admin_socket=folder / f"{config.name}.sock",
        max_connection_age_seconds=config.max_connection_age_seconds,
        max_concurrent_streams=config.max_concurrent_streams,
    )
    listener.admin_socket.unlink(missing_ok=True)
    path = folder / f"{config.name}-envoy.json"
    write_configuration(path, listener, _APPLICATION)
    parameters = {CONTROL: str(control), CONFIGURATION: line.decode(), ADMIN_SOCKET: str(listener.admin_socket)}
    arguments = command(path)
    os.execve(arguments[0], arguments, environment() | parameters)  # noqa: S606 - no shell is needed


def _first_line(control: int) -> bytes:
    """Read a single line: what follows is for the process that this one becomes."""
    line = b""
    with socket.socket(fileno=os.dup(control)) as end:
        while not line.endswith(b"\n") and (byte := end.recv(1)):
            line += byte
    return line


if __name__ == "__main__":
    main(int(sys.argv[1]))
