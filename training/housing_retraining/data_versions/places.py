"""When two rows speak of the same block group: all that must be given of it agrees, whatever its price.

Fields that may be left out do not count, so that a table without them is known for what it is. Numbers are compared at
six digits, which is what every copy of the census's figures keeps, also in single precision.
"""

import hashlib
from collections.abc import Iterable

from housing.features import FEATURES

KEY_FIELDS = tuple(feature.name for feature in FEATURES if feature.required)
"""The fields that identify a block group."""


def place_key(values: Iterable[float]) -> bytes:
    """Hash the values of `KEY_FIELDS`, in that order, to 16 bytes."""
    text = ",".join(f"{value:.6g}" for value in values)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def same_price(one: float, other: float) -> bool:
    """Return whether two prices in USD are the same one, as written by different programs."""
    return f"{one:.6g}" == f"{other:.6g}"
