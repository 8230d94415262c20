"""The gateway's strict check of JSON bodies run in this process, and a strict reader in Python to compare it with."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime

from housing.example import BERKELEY
from housing_server.gateway.json_schema import strict_json_source

MessageT = TypeVar("MessageT", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a body is refused."""

    reason: str
    """Reason of the ErrorInfo."""
    field: str
    """Path of the field at fault; empty for the body as a whole."""
    rule: str
    """Reason of the violation."""
    description: str
    """What is wrong, in words."""


def refusal_from_status(status: Mapping[str, Any]) -> Refusal:
    """Read a refusal from the Status that it is answered with."""
    request, info = status["details"]
    (violation,) = request["field_violations"]
    assert (status["code"], info["domain"], info["metadata"]) == (3, "housing.v1", {})
    assert status["message"].endswith(f": {violation['description']}")
    return Refusal(
        reason=info["reason"],
        field=violation["field"],
        rule=violation["reason"],
        description=violation["description"],
    )


class StrictReader:
    """The script of the strict check, loaded into LuaJIT as Envoy loads it."""

    def __init__(self, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        lua = LuaRuntime(encoding=None)
        lua.execute(strict_json_source(bodies).encode())
        self._refusal = lua.eval(b'require("strict_json").refusal')

    def refusal(self, route: str, body: str | bytes) -> Refusal | None:
        """Return why the body of a route is refused; None when it is accepted."""
        answer = self._refusal(route.encode(), body.encode() if isinstance(body, str) else body)
        return None if answer is None else refusal_from_status(json.loads(answer))


def read_strictly(body: bytes, message: MessageT) -> MessageT:
    """Read JSON into a message with Python's own readers, as strictly as they can.

    Raises:
        ValueError: it is no JSON, or not of the message.
    """
    text = body.decode()
    values = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    json.dumps(values, ensure_ascii=False).encode()  # no half of a surrogate pair
    try:
        return json_format.ParseDict(values, message)
    except (json_format.ParseError, AttributeError, TypeError) as error:
        raise ValueError(str(error)) from error


def _without_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in pairs:
        if name in read:
            raise ValueError("a name is given twice")
        read[name] = value
    return read


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


TOKENS = [*"{}[]:,\"'\\ \n\t-+.eE0159#/", "null", "true", "NaN", "Infinity", '""', '"x"', "{}", "[]", "[[]]", "/**/"]
TOKENS += ["\\u0000", "\\ud800", "\\ud83d\\ude00", "é", "😀", "\0", "\ufeff", '"longitude":', '"blockGroups":', "1e999"]
HARMLESS = [b" ", b"\n", b"0", b"1", b"9e1", b"e9"]
BYTES = [token.encode() for token in TOKENS] + [b"\x80", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]


ROWS = [
    {},
    dict(BERKELEY),
    {"longitude": -122, "total_rooms": 1e3, "ocean_proximity": None},
    {"oceanProximity": "é😀\\"},
]
OUTCOME = {"prediction_id": "01a209c0-d079-75ce-90ba-a74272bcea12", "median_house_value": 452600}
DOCUMENTS: Mapping[str, Sequence[Any]] = {
    "/api/predict": ROWS,
    "/api/explain": ROWS,
    "/api/predict/batch": [{"block_groups": [{}, {}, {}]}, {"blockGroups": ROWS, "partial_results": True}],
    "/api/outcomes": [{"outcomes": [OUTCOME, {}, OUTCOME]}],
}
BODIES: Mapping[str, Sequence[bytes]] = {
    path: [
        json.dumps(document, ensure_ascii=escaped, indent=indent).encode()
        for document in documents
        for escaped, indent in ((True, None), (False, 1))
    ]
    for path, documents in DOCUMENTS.items()
}
"""Well-formed bodies, by path."""


@st.composite
def damaged_bodies(draw: st.DrawFn, path: str) -> bytes:
    """Draw a body of a path, with a few pieces cut out, doubled, or replaced by what JSON readers trip over."""
    body = draw(st.sampled_from(BODIES[path]))
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        start = draw(st.integers(0, len(body)))
        stop = min(len(body), start + draw(st.sampled_from([0, 0, 1, 2, 8])))
        piece = draw(st.sampled_from([b"", body[start:stop] * 2, *HARMLESS]) | st.sampled_from(BYTES))
        body = body[:start] + piece + body[stop:]
    return body


def spellings(messages: st.SearchStrategy[Message]) -> st.SearchStrategy[bytes]:
    """Draw a message as JSON, in one of the forms in which the same message may be written."""
    layouts = st.sampled_from([(None, (",", ":")), (None, (" , ", " : ")), (1, (",", ":"))])
    return st.builds(_spelt, messages, names=st.booleans(), layout=layouts, escaped=st.booleans())


def _spelt(message: Message, *, names: bool, layout: tuple[int | None, tuple[str, str]], escaped: bool) -> bytes:
    values = json_format.MessageToDict(message, preserving_proto_field_name=names)
    return json.dumps(values, indent=layout[0], separators=layout[1], ensure_ascii=escaped).encode()
