"""Ports that several processes listen on together."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from housing_server.errors import PortInUse


@contextmanager
def reserved_port(host: str, port: int, setting: str) -> Iterator[int]:
    """Hold a port for processes that share it by SO_REUSEPORT, without listening on it, and yield its number.

    Args:
        host: the address to bind.
        port: the port; 0 takes a free one.
        setting: the environment variable that moves the port, for the error.


    Raises:
        PortInUse: somebody listens on it, be it another of these servers.
    """
    with socket.socket() as probe, socket.socket() as held:
        try:
            # SO_REUSEPORT alone would quietly share the port with another server of the same user.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            chosen = probe.getsockname()[1]
            probe.close()
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind((host, chosen))
        except OSError as error:
            raise PortInUse(
                f"port {port} of {host} cannot be had ({error.strerror}): set {setting} to another"
            ) from error
        yield chosen
