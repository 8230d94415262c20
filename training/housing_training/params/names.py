"""Nested hyper-parameters under flat names, such as `local.max_depth`."""

from collections.abc import Mapping
from typing import Any


def flat(hyper_parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten nested hyper-parameters; an empty part keeps its name."""
    named = {}
    for name, value in hyper_parameters.items():
        inner = flat(value) if isinstance(value, Mapping) else {}
        named.update({f"{name}.{key}": each for key, each in inner.items()} if inner else {name: value})
    return named


def nested(named: Mapping[str, Any]) -> dict[str, Any]:
    """Nest hyper-parameters that have flat names."""
    whole: dict[str, Any] = {}
    for name, value in named.items():
        *outer, last = name.split(".")
        part = whole
        for each in outer:
            part = part.setdefault(each, {})
        part[last] = value
    return whole
