"""Hosts and ports in the notation of URLs and gRPC, and proxies for loopback calls."""

import ipaddress
import socket
from collections.abc import MutableMapping

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def join_address(host: str, port: int) -> str:
    """Join a host and a port, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address_family(host: str) -> int:
    """Return the address family of a host name or address: IPv4 if it has both.

    Raises:
        OSError: the host cannot be resolved.
    """
    found = {family for family, *_ in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    return socket.AF_INET if socket.AF_INET in found else socket.AF_INET6


def address_of(host: str) -> str:
    """Resolve a host to an address; an address is returned unchanged."""
    family = address_family(host)
    return str(socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)[0][4][0])


_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
"""Addresses that stand for all of a machine, and where it reaches itself then."""


def reachable(address: str) -> str:
    """Return where this machine reaches what listens at an address."""
    return _EVERYWHERE.get(address, address)


def is_loopback(target: str) -> bool:
    """Return whether a gRPC target, or HOST:PORT, is a loopback address."""
    address = target.rpartition("/")[2]
    host = address.rpartition(":")[0] or address
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bypass_proxies(environment: MutableMapping[str, str]) -> None:
    """Exempt loopback calls from the environment's proxies, for this process and its children.

    A proxy elsewhere cannot reach loopback addresses. gRPC, `urllib` and `requests` all read these variables.
    """
    for name in ("no_proxy", "NO_PROXY"):
        exempt = [host for host in environment.get(name, "").split(",") if host]
        environment[name] = ",".join([*exempt, *(host for host in _LOOPBACK if host not in exempt)])
