"""What `make lint` compares the contract with, and what the contract's folder holds for teams of other languages."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.rpc import code_pb2, error_details_pb2, status_pb2
from protovalidate._gen.buf.validate import validate_pb  # the only place the wheel keeps it

from running import ROOT

CLIENTS = (ROOT / "docs/clients.md").read_text("utf-8")
BUF = Path(sys.executable).parent / "buf"


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    """A copy of the contract's folder."""
    ours = shutil.ignore_patterns("*.py", "*.pyi", "__pycache__")
    return Path(shutil.copytree(ROOT / "protos", tmp_path / "protos", ignore=ours))


def buf(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run buf and return how it ended."""
    return subprocess.run([BUF, *arguments], capture_output=True, text=True, check=False)


def compare(protos: Path) -> str:
    """Compare a contract with the last release as `make lint` does; return what it breaks."""
    built = protos.parent / "contract.binpb"
    assert buf("build", protos, "--path", protos / "housing", "--output", built).stderr == ""
    return buf("breaking", built, "--against", protos / "released.binpb.gz").stdout


def edit(protos: Path, change: Callable[[str], str]) -> None:
    """Change `block_group.proto`."""
    path = protos / "housing/v1/block_group.proto"
    path.write_text(change(path.read_text("utf-8")), "utf-8")


def test_contract_keeps_what_was_released(protos: Path) -> None:
    """Whoever has stubs of the last release can go on using them."""
    assert compare(protos) == ""


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("optional double latitude = 2", "optional double latitude = 12", '"2" with name "latitude"'),
        ("optional double latitude = 2", "optional double lat = 2", 'from "latitude" to "lat"'),
        ("optional double latitude = 2", "optional float latitude = 2", 'from "double" to "float"'),
        ("optional double latitude = 2", "double latitude = 2", "latitude"),
        (r"optional double latitude = 2 \[.*?\];", "", '"2" with name "latitude"'),
        ('go_package = "housing/v1;housingv1"', 'go_package = "elsewhere/v1;housingv1"', "go_package"),
    ],
    ids=["renumbered", "renamed", "another type", "no presence", "removed", "another package"],
)
def test_broken_contract_is_found(protos: Path, before: str, after: str, found: str) -> None:
    """A field that is renumbered, renamed, retyped or removed fails `make lint`, as does another package."""
    edit(protos, lambda text: re.sub(before, after, text, flags=re.DOTALL))
    assert found in compare(protos)


def test_field_that_is_added_breaks_nothing(protos: Path) -> None:
    """The contract may grow."""
    edit(protos, lambda text: text.replace("message BlockGroup {", "message BlockGroup {\n  string more = 99;"))
    assert compare(protos) == ""


def test_python_stubs_need_the_folder_alone(protos: Path) -> None:
    """The documented command makes stubs of the contract and of its rules."""
    (command,) = re.findall(r"^(python -m grpc_tools\.protoc .*?)\n```", CLIENTS, re.DOTALL | re.MULTILINE)
    here = command.replace("python", sys.executable, 1)
    subprocess.run(here, cwd=protos.parent, shell=True, check=True)  # noqa: S602  # it stands in our documents
    made = {str(path.relative_to(protos.parent)) for path in protos.parent.rglob("*_pb2*.py")}
    assert {"housing/v1/prediction_service_pb2_grpc.py", "buf/validate/validate_pb2.py"} <= made


def test_imported_contracts_are_those_that_are_installed(protos: Path) -> None:
    """The files in `third_party` say what the packages say that the service runs with; but for names in languages."""
    built = protos.parent / "contract.binpb"
    flags = ("--as-file-descriptor-set", "--exclude-source-info")
    assert buf("build", protos, *flags, "--output", built).stderr == ""
    files = {file.name: file for file in FileDescriptorSet.FromString(built.read_bytes()).file}
    installed = [
        FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        for module in (annotations_pb2, http_pb2, code_pb2, error_details_pb2, status_pb2)
    ]
    installed.append(FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary()))
    vendored = protos / "third_party"
    assert {str(path.relative_to(vendored)) for path in vendored.rglob("*.proto")} == {file.name for file in installed}
    for file in installed:
        assert _essence(files[file.name]) == _essence(file), file.name


def _essence(file: FileDescriptorProto) -> FileDescriptorProto:
    file.ClearField("options")
    for message in file.message_type:
        _clear_json_names(message)
    for extension in file.extension:
        extension.ClearField("json_name")
    return file


def _clear_json_names(message: DescriptorProto) -> None:
    for field in [*message.field, *message.extension]:
        field.ClearField("json_name")
    for nested in message.nested_type:
        _clear_json_names(nested)
