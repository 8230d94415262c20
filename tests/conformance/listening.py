"""An Envoy listener of the second transport's, around an application of a test's."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from housing_server.asgi_transport.envoy import command, environment, python_filter
from housing_server.gateway.admin import Admin
from housing_server.gateway.config import Front, configuration, write
from housing_server.gateway.embedding import Embedding, embed
from housing_server.system.ports import reserved_port

_WEB = "envoy.filters.http.grpc_web"
_HOST, _ADMIN = "127.0.0.1", "admin.sock"


@contextmanager
def listening(application: str, *folders: Path, web: bool = False, age_seconds: float = 300) -> Iterator[int]:
    """Run Envoy with an ASGI application in the worker's place until the end of the block, and yield the gRPC port.

    Args:
        application: the application, `MODULE:NAME`.
        folders: where its modules are found, beside what this process can import.
        web: whether gRPC-Web is understood on the gRPC port as well.
        age_seconds: the longest that connections last.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, json_port = (stack.enter_context(reserved_port(_HOST, 0, "port", "host")) for _ in range(2))
        made = _configuration(application, folder, port, json_port, age_seconds)
        _adapt(made, web=web)
        variables = environment()
        variables["PYTHONPATH"] = os.pathsep.join([*map(str, folders), variables["PYTHONPATH"]])
        arguments = command(write(made, folder / "envoy.json"))
        with subprocess.Popen(arguments, env=variables, stdout=sys.stderr) as envoy:
            try:
                admin = Admin(folder / _ADMIN)
                while admin.ask("/ready") is None:
                    assert envoy.poll() is None, "Envoy has ended"
                    time.sleep(0.05)
                yield port
            finally:
                envoy.terminate()


def _configuration(application: str, folder: Path, port: int, json_port: int, age_seconds: float) -> dict[str, Any]:
    """Return a worker's configuration."""
    front = Front(host=_HOST, port=json_port, metrics_host=_HOST, metrics_port=json_port, heap_mb=384)
    embedding = Embedding(
        host=_HOST,
        port=port,
        max_connection_age_seconds=age_seconds,
        max_concurrent_streams=256,
        unresponsive_seconds=0,
        upstreams=[],
    )
    return embed(configuration(front, None, folder, folder / _ADMIN), embedding, python_filter(application))


def _adapt(config: dict[str, Any], *, web: bool) -> None:
    """Change a worker's configuration into one for services that the contract does not have, and for tests."""
    (listener,) = config["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
    # By default Envoy gives the peers of connections with an error a second to close them.
    manager["delayed_close_timeout"] = "0.05s"
    # And five seconds pass between the two messages that end a connection in good order.
    manager["drain_timeout"] = "0.05s"
    if web:
        (host,) = manager["route_config"]["virtual_hosts"]
        other = next(route for route in host["routes"] if route["match"].get("prefix") == "/")
        del other["typed_per_filter_config"][_WEB]  # where the gRPC port's route disables it
