"""By which names what listens on loopback may be addressed."""

import re

import pytest

from housing.exposure import authority_patterns, names_on


@pytest.mark.parametrize(
    ("authority", "allowed"),
    [
        ("localhost", True),
        ("LocalHost:8080", True),
        ("127.0.0.1:9", True),
        ("127.8.8.8", True),
        ("[::1]:8080", True),
        ("127.0.0.1:9,127.0.0.2:9", True),
        ("[::1]:9,[::1]:10", True),
        ("127.0.0.1:9,rebound.example:9", False),
        ("face.cafe", False),
        ("shop.internal:80", True),
        ("rebound.example", False),
        ("rebound.example:8080", False),
        ("localhost.rebound.example", False),
        ("127.0.0.1.rebound.example", False),
        ("shopXinternal", False),
        ("localhost:8080.rebound.example", False),
        ("user@rebound.example", False),
        ("", False),
    ],
)
def test_numbers_and_known_names_address_this_machine(authority: str, allowed: bool) -> None:
    """With any port, which may be forwarded; a page can choose its name, and no number."""
    names = names_on("127.0.0.1", ["Shop.internal"])
    assert names is not None
    assert any(re.fullmatch(pattern, authority) for pattern in authority_patterns(names)) is allowed


@pytest.mark.parametrize(("host", "more"), [("0.0.0.0", ()), ("127.0.0.1", ("*",))])  # noqa: S104
def test_any_name_is_allowed_where_others_can_connect_or_that_is_set(host: str, more: tuple[str, ...]) -> None:
    """Other machines know it by names that it does not know itself."""
    assert names_on(host, more) is None
