"""Giving up rights that a process which loads foreign models has no use for, as far as the operating system lets it.

It is a fence and no wall: the process still runs as the service's user and reads the files that this user reads.
"""

import ctypes
import os
import resource
from contextlib import suppress

_NO_NEW_PRIVILEGES = 38
"""The option of `prctl(2)` after which no program that is started gains rights, by a set-user-id bit or otherwise."""
_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000
"""Flags of `unshare(2)`."""

_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_CPU: 300,  # seconds
    resource.RLIMIT_FSIZE: 64 << 20,
    resource.RLIMIT_AS: 16 << 30,
}
"""What a trial may use: bytes where nothing else is said."""


def confine() -> None:
    """Bound what this process may use, and give up its network and any way to more rights.

    To be called before it has threads: with several, an ordinary user cannot leave the network.
    """
    for limit, value in _LIMITS.items():
        _lower(limit, value)
    gain_no_rights()
    _leave_network()


def gain_no_rights() -> None:
    """Let neither this process nor any that it starts gain rights, nor leave its memory in a file when it crashes."""
    _lower(resource.RLIMIT_CORE, 0)
    with suppress(AttributeError):  # not on this operating system
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _leave_network() -> None:
    """Go on without any network; an ordinary user may do so only as the root of a user namespace of its own."""
    with suppress(AttributeError):
        unshare = ctypes.CDLL(None).unshare
        if unshare(_NEW_NETWORK) != 0 and os.getuid() != 0:
            unshare(_NEW_USERS | _NEW_NETWORK)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, value))
