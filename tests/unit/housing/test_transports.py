"""What can carry calls on a machine, and what `auto` makes of it."""

import pytest

from housing import transports
from housing.transports import choose_transport, why_no_envoy


@pytest.mark.parametrize(("name", "reason"), [("find_spec", "pyvoy is missing"), ("libpython", "no shared library")])
def test_what_is_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str, reason: str) -> None:
    """In one line, which is why `auto` falls back."""
    pytest.importorskip("pyvoy")
    monkeypatch.setattr(transports, name, lambda *_: None)
    said = why_no_envoy()
    assert said is not None
    assert reason in said
    assert "\n" not in said
    assert choose_transport("auto") == ("grpc", said)


def test_auto_is_envoy_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing to be said about it."""
    monkeypatch.setattr(transports, "why_no_envoy", lambda: None)
    assert choose_transport("auto") == ("envoy", "")


@pytest.mark.parametrize("wanted", ["envoy", "grpc"])
def test_what_is_asked_for_by_name_stays(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    """Whoever names a transport is not given another: where it cannot run, the service does not start."""
    monkeypatch.setattr(transports, "why_no_envoy", lambda: "not here")
    assert choose_transport(wanted) == (wanted, "")
