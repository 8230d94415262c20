"""Identities of callers' certificates, and the role of each: a JSON object of roles by name.

A name is what a certificate has as a subject alternative name, such as `shop.example` or `spiffe://example/shop`. The
certificate has been verified by whatever ends TLS: gRPC's library, or an Envoy around the worker.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from housing.roles import GRANTED
from housing_server.errors import InvalidKeys

_FORWARDED = re.compile(r'(URI|DNS)=("(?:[^"\\]|\\.)*"|[^;,"]*)')


def read_identities(path: Path) -> Mapping[str, str]:
    """Read the roles of a file by name; none if there is no file.

    Raises:
        InvalidKeys: the file cannot be read, or is malformed.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidKeys(f"{path} cannot be read as a file of identities ({type(error).__name__})") from None
    if not isinstance(content, dict) or not all(role in GRANTED for role in map(str, content.values())):
        raise InvalidKeys(f"{path} must be a JSON object with a role ({', '.join(GRANTED)}) for each name")
    return content


def forwarded_names(header: str) -> Iterator[str]:
    """Yield the names of the certificate in Envoy's `x-forwarded-client-cert`: `Hash=...;URI=...;DNS=...`."""
    for _, value in _FORWARDED.findall(header):
        yield value.strip('"')
