"""Addresses as users write them, and ports that are shared."""

import socket

import pytest

from housing_server.errors import InvalidSettings, PortInUse
from housing_server.system.ports import reserved_port
from running import has_ipv6

HAS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", pytest.param("::1", marks=HAS_IPV6)])
def test_port_is_reserved_at_an_address_or_a_name(host: str) -> None:
    """Others can listen on it together with us, but only those that know of it."""
    with reserved_port(host, 0, "HOUSING_GRPC_PORT", "HOUSING_HOST") as port:
        assert port > 0


def test_port_that_somebody_listens_on_is_named_with_its_setting() -> None:
    """In one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(PortInUse, match=f"{port}.*HOUSING_GRPC_PORT"),
            reserved_port("127.0.0.1", port, "HOUSING_GRPC_PORT", "HOUSING_HOST"),
        ):
            pytest.fail("it was reserved")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_host_of_another_machine_or_of_none_is_named_with_its_setting(host: str) -> None:
    """Another port would not help."""
    with (
        pytest.raises(InvalidSettings, match=f"HOUSING_HOST.*{host}"),
        reserved_port(host, 0, "HOUSING_GRPC_PORT", "HOUSING_HOST"),
    ):
        pytest.fail("it was reserved")
