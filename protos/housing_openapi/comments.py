"""Comments of the contract, which the stubs do not contain."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

_KINDS = {
    ("file", 4): ("message_type", "message"),
    ("file", 5): ("enum_type", "enum"),
    ("file", 6): ("service", "service"),
    ("message", 2): ("field", "leaf"),
    ("message", 3): ("nested_type", "message"),
    ("message", 4): ("enum_type", "enum"),
    ("message", 8): ("oneof_decl", "leaf"),
    ("enum", 2): ("value", "leaf"),
    ("service", 2): ("method", "leaf"),
}
"""Fields of descriptors that lead to named things, by the kind of the descriptor and the field's number."""


def comments_of(contract: FileDescriptorSet) -> Mapping[str, str]:
    """Return the comments before messages, fields, enums, values, services and methods, by full name.

    Names of values are `housing.v1.Enum.VALUE`. Lines of a paragraph are joined.

    Args:
        contract: files with their source information.
    """
    return {name: text for file in contract.file for name, text in _comments(file)}


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        if location.leading_comments and (name := _name(file, list(location.path))):
            yield name, _paragraphs(location.leading_comments)


def _name(file: FileDescriptorProto, path: list[int]) -> str:
    """Return the full name of what a path leads to; empty for anything without a name."""
    found: Any = file
    kind, names = "file", [file.package]
    for number, index in zip(path[::2], path[1::2], strict=False):
        if (kind, number) not in _KINDS:
            return ""
        member, kind = _KINDS[kind, number]
        found = getattr(found, member)[index]
        names.append(found.name)
    return ".".join(names) if len(path) % 2 == 0 and len(names) > 1 else ""


def _paragraphs(text: str) -> str:
    lines = "\n".join(line.removeprefix(" ") for line in text.splitlines())
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", lines) if part.strip())
