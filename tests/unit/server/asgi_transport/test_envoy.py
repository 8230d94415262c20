"""The configuration of an Envoy that runs Python."""

import json
from pathlib import Path

import pytest

from housing_server.asgi_transport.envoy import Listener, write_configuration


def test_configuration_has_the_limits_and_the_application(tmp_path: Path) -> None:
    """What pyvoy needs to know is taken from pyvoy itself."""
    pytest.importorskip("pyvoy")
    listener = Listener(
        host="127.0.0.1",
        port=50051,
        admin_socket=tmp_path / "admin.sock",
        max_connection_age_seconds=7.5,
        max_concurrent_streams=99,
    )
    write_configuration(tmp_path / "envoy.json", listener, "some.module:application")
    written = json.loads((tmp_path / "envoy.json").read_text("utf-8"))
    (made,) = written["static_resources"]["listeners"]
    manager = made["filter_chains"][0]["filters"][0]["typed_config"]
    assert made["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 50051}
    assert manager["common_http_protocol_options"]["max_connection_duration"] == "7.500s"
    assert manager["http2_protocol_options"]["max_concurrent_streams"] == 99
    assert "some.module:application" in json.dumps(manager["http_filters"])
    assert written["admin"]["address"]["pipe"]["mode"] == 0o600
