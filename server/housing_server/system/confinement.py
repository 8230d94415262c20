"""Confinement of processes that load foreign models, as far as the operating system allows.

It reduces rights but is no sandbox: the process still runs as the service's user and can read this user's files.
"""

import ctypes
import os
import resource
from contextlib import suppress

_NO_NEW_PRIVILEGES = 38
"""The option of `prctl(2)` that keeps child programs from gaining rights, by a set-user-id bit or otherwise."""
_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000
"""Flags of `unshare(2)`."""

_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_CPU: 300,  # seconds
    resource.RLIMIT_FSIZE: 64 << 20,
    resource.RLIMIT_AS: 16 << 30,
}
"""Resource limits of a trial, in bytes unless noted."""


def confine() -> None:
    """Limit the resources of this process, and drop its network and any way to gain rights.

    Must be called before threads are started: with several, an ordinary user cannot leave the network.
    """
    for limit, value in _LIMITS.items():
        _lower(limit, value)
    gain_no_rights()
    _leave_network()


def gain_no_rights() -> None:
    """Keep this process and its children from gaining rights, and from writing core dumps."""
    _lower(resource.RLIMIT_CORE, 0)
    with suppress(AttributeError):  # not on this operating system
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _leave_network() -> None:
    """Move into an empty network namespace; an ordinary user needs a user namespace of its own for that."""
    with suppress(AttributeError):
        unshare = ctypes.CDLL(None).unshare
        if unshare(_NEW_NETWORK) != 0 and os.getuid() != 0:
            unshare(_NEW_USERS | _NEW_NETWORK)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, value))
