"""The contract as one descriptor set, and as Python stubs."""

import shutil
import subprocess
import sys
from pathlib import Path

from housing.descriptors import descriptor_set
from housing.services import SERVICES
from running import ROOT


def test_descriptor_set_is_complete_and_in_order() -> None:
    """Every import comes before its importer, and error details are among the files."""
    seen: set[str] = set()
    for file in descriptor_set().file:
        assert set(file.dependency) <= seen
        seen.add(file.name)
    assert {"google/rpc/error_details.proto", "google/rpc/status.proto"} <= seen
    services = {f"{file.package}.{service.name}" for file in descriptor_set().file for service in file.service}
    assert services == set(SERVICES)


def test_committed_stubs_are_those_that_the_contract_gives(tmp_path: Path) -> None:
    """Generating anew, elsewhere, gives the same files to the byte."""
    protos = tmp_path / "protos"
    committed = ROOT / "protos"
    shutil.copytree(committed, protos, ignore=shutil.ignore_patterns("*_pb2*", "__pycache__"))
    subprocess.run([sys.executable, "generate.py"], cwd=protos, check=True)
    stubs = {path.relative_to(committed) for path in committed.rglob("*_pb2*") if "__pycache__" not in path.parts}
    assert {path.relative_to(protos) for path in protos.rglob("*_pb2*")} == stubs
    for stub in stubs:
        assert (protos / stub).read_text("utf-8") == (committed / stub).read_text("utf-8"), stub
    for document in ("server/housing_server/web/openapi.json", "server/housing_server/web/form.json"):
        assert (tmp_path / document).read_text("utf-8") == (ROOT / document).read_text("utf-8"), "run `make proto`"
