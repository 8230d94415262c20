"""What is recorded of callers' addresses."""

import pytest

from housing_server.core.peer_addresses import recorder_of


@pytest.mark.parametrize(
    ("peer", "recorded"),
    [
        ("ipv4:192.0.2.77:50123", "ipv4:192.0.2.0/24"),
        ("ipv6:[2001:db8:1:2::3]:50123", "ipv6:2001:db8:1::/48"),
        ("ipv6:%5B2001:db8:1:2::3%5D:50123", "ipv6:2001:db8:1::/48"),
        ("ipv6:[::ffff:192.0.2.77]:50123", "ipv4:192.0.2.0/24"),
        ("ipv6:[fe80::1%25eth0]:50123", "ipv6:fe80::/48"),
        ("ipv4:127.0.0.1:50123", "ipv4:127.0.0.1:50123"),
        ("ipv6:[::1]:50123", "ipv6:[::1]:50123"),
        ("unix:", "unix:"),
        ("ipv4:unknown:0", ""),
        ("somebody@192.0.2.77", ""),
    ],
)
def test_truncated_address_is_that_of_a_network(peer: str, recorded: str) -> None:
    """In every notation of gRPC's; what is in none is not recorded."""
    assert recorder_of("truncated")(peer) == recorded


def test_addresses_are_recorded_in_full_or_not_at_all() -> None:
    """As set."""
    assert recorder_of("full")("ipv4:192.0.2.77:50123") == "ipv4:192.0.2.77:50123"
    assert recorder_of("none")("ipv4:192.0.2.77:50123") == ""
