"""Addresses, and calls within this machine."""

import http.server
import threading
import urllib.error
import urllib.request

import pytest

from housing.addresses import bypass_proxies, is_loopback, join_address


def test_addresses_of_ipv6_stand_in_brackets() -> None:
    """As URLs and gRPC write them."""
    assert join_address("::1", 1) == "[::1]:1"
    assert join_address("127.0.0.1", 1) == "127.0.0.1:1"


@pytest.mark.parametrize(
    "target", ["localhost:1", "127.0.0.1:50051", "[::1]:50051", "dns:///localhost:1", "127.1.2.3:4"]
)
def test_targets_of_this_machine_are_known(target: str) -> None:
    """In all the ways that gRPC writes them."""
    assert is_loopback(target)


@pytest.mark.parametrize("target", ["example.org:1", "10.0.0.1:50051", "[2001:db8::1]:1", "dns:///service:1"])
def test_other_targets_are_not(target: str) -> None:
    """They may need a proxy."""
    assert not is_loopback(target)


def test_what_was_exempt_stays_so() -> None:
    """Nothing is listed twice."""
    environment = {"no_proxy": "example.org,localhost"}
    bypass_proxies(environment)
    bypass_proxies(environment)
    assert environment["no_proxy"] == "example.org,localhost,127.0.0.1,::1"
    assert environment["NO_PROXY"] == "localhost,127.0.0.1,::1"


def test_calls_within_this_machine_ask_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the environment names one, which does not exist."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    environment: dict[str, str] = {}
    bypass_proxies(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with (
            pytest.raises(urllib.error.HTTPError, match="501"),  # the answer of a server that knows no GET
            urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=60),
        ):
            pytest.fail("it was answered")
