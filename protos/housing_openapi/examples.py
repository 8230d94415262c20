"""Examples of requests and responses, by the name of the method; a test sends them all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A request and what it is answered with."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of path and query by name."""
    body: Any = None
    """The body; None for none."""
    response: Any = None
    """The body of the response; lists and maps may be shortened. None while there is no example."""


def _read() -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
    return read


EXAMPLES: Mapping[str, Example] = {
    name: Example(**{key: value for key, value in each.items() if key != "invalid"}) for name, each in _read().items()
}
"""An example of success by method."""

INVALID: Mapping[str, Example] = {
    name: Example(**each["invalid"]) for name, each in _read().items() if "invalid" in each
}
"""An example of an invalid request, and its refusal, by method."""
