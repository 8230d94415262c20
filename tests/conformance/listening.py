"""An Envoy listener of the second transport's, around an application of a test's."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from housing_server.asgi_transport.envoy import Listener, command, environment, write_configuration
from housing_server.gateway.admin import Admin
from housing_server.system.ports import reserved_port

_WEB = "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"


@contextmanager
def listening(application: str, *folders: Path, web: bool = False, age_seconds: float = 300) -> Iterator[int]:
    """Run Envoy with an ASGI application on a free port until the end of the block, and yield the port.

    Args:
        application: the application, `MODULE:NAME`.
        folders: where its modules are found, beside what this process can import.
        web: whether gRPC-Web is understood as well, and HTTP/1.1.
        age_seconds: the longest that connections last.
    """
    with tempfile.TemporaryDirectory() as made, reserved_port("127.0.0.1", 0, "port", "host") as port:
        folder = Path(made)
        listener = Listener(
            host="127.0.0.1",
            port=port,
            admin_socket=folder / "admin.sock",
            max_connection_age_seconds=age_seconds,
            max_concurrent_streams=256,
        )
        config = folder / "envoy.json"
        write_configuration(config, listener, application)
        _adapt(config, web=web)
        variables = environment()
        variables["PYTHONPATH"] = os.pathsep.join([*map(str, folders), variables["PYTHONPATH"]])
        with subprocess.Popen(command(config), env=variables, stdout=sys.stderr) as envoy:
            try:
                admin = Admin(listener.admin_socket)
                while admin.ask("/ready") is None:
                    assert envoy.poll() is None, "Envoy has ended"
                    time.sleep(0.05)
                yield port
            finally:
                envoy.terminate()


def _adapt(config: Path, *, web: bool) -> None:
    """Change Envoy's configuration into one for tests."""
    made = json.loads(config.read_text("utf-8"))
    (listener,) = made["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    # By default Envoy gives the peers of connections with an error a second to close them.
    manager["delayed_close_timeout"] = "0.05s"
    # And five seconds pass between the two messages that end a connection in good order.
    manager["drain_timeout"] = "0.05s"
    filters = manager["http_filters"]
    if web:
        manager["codec_type"] = "AUTO"
        if _WEB not in {each["typed_config"]["@type"] for each in filters}:
            filters.insert(0, {"name": "envoy.filters.http.grpc_web", "typed_config": {"@type": _WEB}})
    config.write_text(json.dumps(made), "utf-8")
