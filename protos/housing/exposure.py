"""What listens beyond this machine, and what that needs."""

import ipaddress
from collections.abc import Mapping

from housing.addresses import address_of


def is_local(host: str) -> bool:
    """Return whether only this machine can connect to what listens at a host; False if it cannot be resolved."""
    try:
        return ipaddress.ip_address(address_of(host)).is_loopback
    except (OSError, ValueError):
        return False


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
