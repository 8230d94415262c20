"""The services and messages of the contract, from the comments of its files."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from housing_openapi.comments import comments_of
from housing_site.places import ROOT

_HEAD = """# The contract

Made from the comments of `protos/housing/v1`. The routes of JSON are in the [list of routes](../reference.md); a
running gateway shows both, with bounds and examples, at `/docs`.

"""


def contract_page() -> str:
    """Return a section for each service, message and enum."""
    contract = _descriptors()
    comments = comments_of(contract)
    files = [file for file in contract.file if file.package == "housing.v1"]
    return _HEAD + "\n".join(line for file in files for line in _file(file, comments))


def _descriptors() -> FileDescriptorSet:
    command = [str(Path(sys.executable).with_name("buf")), "build", "protos", "--path", "protos/housing"]
    done = subprocess.run(
        [*command, "--as-file-descriptor-set", "--output", "-"], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    return FileDescriptorSet.FromString(done.stdout)


def _file(file: FileDescriptorProto, comments: Mapping[str, str]) -> Iterator[str]:
    for service in file.service:
        yield from _service(service, comments)
    for message in file.message_type:
        yield from _message(message, f"{file.package}.{message.name}", comments)
    for enum in file.enum_type:
        yield from _enum(enum, f"{file.package}.{enum.name}", comments)


def _service(service: ServiceDescriptorProto, comments: Mapping[str, str]) -> Iterator[str]:
    name = f"housing.v1.{service.name}"
    yield _heading(name, comments) + "\n| method | request | response | what |\n| --- | --- | --- | --- |"
    for method in service.method:
        kinds = [
            ("stream of " if streams else "") + _link(kind)
            for streams, kind in (
                (method.client_streaming, method.input_type),
                (method.server_streaming, method.output_type),
            )
        ]
        yield f"| `{method.name}` | {' | '.join(kinds)} | {_cell(comments, f'{name}.{method.name}')} |"
    yield ""


def _message(message: DescriptorProto, name: str, comments: Mapping[str, str]) -> Iterator[str]:
    maps = {f".{name}.{each.name}": each for each in message.nested_type if each.options.map_entry}
    yield _heading(name, comments)
    if message.field:
        yield "| field | type | what |\n| --- | --- | --- |"
        for field in message.field:
            kind = _map(maps[field.type_name]) if field.type_name in maps else _type(field)
            yield f"| `{field.name}` | {kind} | {_cell(comments, f'{name}.{field.name}')} |"
    yield ""
    for nested in message.nested_type:
        if not nested.options.map_entry:
            yield from _message(nested, f"{name}.{nested.name}", comments)
    for enum in message.enum_type:
        yield from _enum(enum, f"{name}.{enum.name}", comments)


def _enum(enum: EnumDescriptorProto, name: str, comments: Mapping[str, str]) -> Iterator[str]:
    yield _heading(name, comments) + "\n| value | number | what |\n| --- | --- | --- |"
    yield from (f"| `{each.name}` | {each.number} | {_cell(comments, f'{name}.{each.name}')} |" for each in enum.value)
    yield ""


def _type(field: FieldDescriptorProto) -> str:
    kind = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    prefix = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    return prefix + (_link(field.type_name) if field.type_name else f"`{kind}`")


def _heading(name: str, comments: Mapping[str, str]) -> str:
    return f"## {name.removeprefix('housing.v1.')}\n\n{_text(comments, name)}\n"


def _map(entry: DescriptorProto) -> str:
    key, value = entry.field
    return f"map of {_type(key)} to {_type(value)}"


def _link(full_name: str) -> str:
    name = full_name.removeprefix(".")
    inside = name.removeprefix("housing.v1.")
    return f"[{inside}](#{inside.lower().replace('.', '')})" if inside != name else f"`{name}`"


def _text(comments: Mapping[str, str], name: str) -> str:
    return comments.get(name, "").replace("<", "&lt;")


def _cell(comments: Mapping[str, str], name: str) -> str:
    return _text(comments, name).replace("\n\n", "<br>").replace("|", "&#124;")
