"""What listens beyond this machine, and what that needs."""

import ipaddress
import re
from collections.abc import Mapping, Sequence

from housing.addresses import address_of


def is_local(host: str) -> bool:
    """Return whether only this machine can connect to what listens at a host; False if it cannot be resolved."""
    try:
        return ipaddress.ip_address(address_of(host)).is_loopback
    except (OSError, ValueError):
        return False


def names_on(host: str, more: Sequence[str]) -> Sequence[str] | None:
    """Return the names by which requests may address what listens at a host; None for any.

    A web page can resolve its own name to the loopback address, and would then read what only this machine may: what
    listens there is addressed as `localhost`, by a number, or by a name of the settings.

    Args:
        host: where it listens.
        more: names of the settings; `*` for any.
    """
    if "*" in more or not is_local(host):
        return None
    return ("localhost", host.lower(), *(name.lower() for name in more))


def authority_patterns(names: Sequence[str]) -> Sequence[str]:
    """Return regular expressions of which the authority of requests must match one: numbers and names, with any port.

    gRPC sends the whole list for a target of several addresses. Each expression is short, as Envoy's must be.
    """
    numbers = (r"[0-9.:,]+", r"(\[[0-9a-fA-F:.]+\](:[0-9]+)?,?)+")
    return [*numbers, *(f"(?i){re.escape(name)}(:[0-9]+)?" for name in names)]


def plaintext_refusal(hosts: Mapping[str, str], *, insecure: bool, remedy: str) -> str | None:
    """Return why plaintext is refused, in one line that says what to do; None where it is allowed.

    Args:
        hosts: where plaintext would be accepted, by the variable that sets each host.
        insecure: whether HOUSING_INSECURE allows it everywhere.
        remedy: how to encrypt it.
    """
    if insecure:
        return None
    for variable, host in hosts.items():
        if not is_local(host):
            return (
                f"{variable}={host} would accept unencrypted connections from other machines: "
                f"{remedy}, listen on 127.0.0.1, or set HOUSING_INSECURE=1"
            )
    return None
