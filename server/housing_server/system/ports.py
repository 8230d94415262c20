"""Ports that several processes share, and addresses as users write them."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from housing.addresses import address_family, address_of
from housing_server.errors import InvalidSettings, PortInUse, StartError


def refused_port(error: OSError, host: str, port: int, setting: str, host_setting: str) -> StartError:
    """Create the error for a port that cannot be bound; it names the setting to change."""
    reason = error.strerror or str(error)
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return InvalidSettings(f"{host_setting}: {host} is not an address of this machine ({reason})")
    return PortInUse(f"port {port} of {host} is not available ({reason}): set {setting} to another")


@contextmanager
def reserved_port(host: str, port: int, setting: str, host_setting: str) -> Iterator[int]:
    """Reserve a port for processes that share it by SO_REUSEPORT, without listening on it, and yield its number.

    Args:
        host: the address or host name to bind.
        port: the port; 0 for any free one.
        setting: environment variable of the port, for the error.
        host_setting: environment variable of the host, for the error.

    Raises:
        PortInUse: another process listens on it, perhaps another instance of this service.
        InvalidSettings: the host is not an address of this machine.
    """
    try:
        chosen, held = _reserve(host, port)
    except OSError as error:
        raise refused_port(error, host, port, setting, host_setting) from error
    with held:
        yield chosen


def _reserve(host: str, port: int) -> tuple[int, socket.socket]:
    family, address = address_family(host), address_of(host)
    with socket.socket(family) as probe:
        # SO_REUSEPORT alone would silently share the port with another server of the same user.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
        chosen: int = probe.getsockname()[1]
    held = socket.socket(family)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((address, chosen))
    except OSError:
        held.close()
        raise
    return chosen, held
