"""Idle connections of the benchmark are those of clients that live: they answer pings."""

from housing_benchmarks.idle_connections import answer_to, pings_in

SETTINGS = b"\0\0\0\4\0\0\0\0\0"
PING = b"\0\0\x08\6\0\0\0\0\0" + b"12345678"
ACKNOWLEDGED = b"\0\0\x08\6\1\0\0\0\0" + b"12345678"


def test_pings_are_found_among_other_frames() -> None:
    """But for answers to pings; a frame that has not arrived as a whole is left for later."""
    assert pings_in(SETTINGS + PING + ACKNOWLEDGED + PING[:12]) == ([b"12345678"], PING[:12])


def test_a_ping_is_answered_with_what_it_holds() -> None:
    """As RFC 9113 has it, section 6.7."""
    assert answer_to(b"12345678") == ACKNOWLEDGED
