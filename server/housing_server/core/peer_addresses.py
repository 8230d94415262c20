"""Peer addresses as they are recorded: in full, without the part that tells people apart, or not at all."""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

PeerAddresses = Literal["full", "truncated", "none"]
"""How much of a peer address is recorded."""

_PEER = re.compile(r"(ipv[46]):\[?([0-9a-fA-F.:]+?)(?:%[^\]]*)?\]?:\d+")
_PREFIXES = {4: 24, 6: 48}
"""Bits that are kept: about a site's network."""
_KEPT = 4096
"""Connections whose recorded addresses are remembered."""


def recorder_of(mode: PeerAddresses) -> Callable[[str], str]:
    """Return the function that makes a recorded address of a peer address in gRPC's notation."""
    if mode == "full":
        return lambda peer: peer
    return lru_cache(_KEPT)(_truncated) if mode == "truncated" else lambda _peer: ""


def _truncated(peer: str) -> str:
    """Return the network of a peer; a loopback address or a Unix socket, which is nobody's, is returned as it is."""
    found = _PEER.fullmatch(unquote(peer))
    if found is None:
        return peer if peer.startswith("unix:") else ""
    try:
        address = ipaddress.ip_address(found[2])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    if address.is_loopback:
        return peer
    network = ipaddress.ip_network((address, _PREFIXES[address.version]), strict=False)
    return f"ipv{address.version}:{network}"
