"""When two rows are the same block group: all required fields agree, whatever the price.

Optional fields do not count, so that copies without them are recognized. Numbers are compared at six digits, which all
copies of the census's figures preserve, also in single precision.
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
    """Return whether two prices in USD are the same one, up to the rounding of different programs."""
    return f"{one:.6g}" == f"{other:.6g}"
