"""A team that writes Go needs the folder of the contract and nothing else of ours."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import ROOT, TRANSPORTS, Service, missing, running_service, tool, transport_or_skip

EXAMPLE = ROOT / "docs/clients/go"
HOW = "run tests/tools.sh"


def run(folder: Path, *command: str) -> str:
    """Run a command without a network and return what it printed."""
    path = os.pathsep.join([str(ROOT / ".tools/bin"), str(ROOT / ".venv/bin"), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "GOPROXY": "off", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example program, compiled with stubs that are generated from the contract's folder."""
    go = tool("go", "install Go")
    tool("protoc-gen-go", HOW)
    tool("protoc-gen-go-grpc", HOW)
    if subprocess.run(
        [go, "mod", "download"], cwd=EXAMPLE, env=os.environ | {"GOPROXY": "off"}, capture_output=True, check=False
    ).returncode:
        missing(f"the Go modules of docs/clients/go are missing: {HOW}")
    work = tmp_path_factory.mktemp("client") / "go"
    shutil.copytree(EXAMPLE, work)
    ours = shutil.ignore_patterns("*.py", "*.pyi", "__pycache__")
    shutil.copytree(ROOT / "protos", work / "protos", ignore=ours)
    run(work, "buf", "generate")
    run(work, go, "build", "-trimpath", "-o", "client", ".")
    return work / "client"


@pytest.fixture(scope="module", params=TRANSPORTS)
def service(request: pytest.FixtureRequest, state_dir: Path) -> Iterator[Service]:
    """A service with one worker, over each transport."""
    with running_service(state_dir, transport=transport_or_skip(request.param)) as running:
        yield running


def test_go_stubs_call_the_service(client: Path, service: Service) -> None:
    """Generated Go gets a price, and reads the reason and the field of a refusal."""
    assert run(client.parent, str(client), service.target).splitlines() == [
        "383008 USD by version 1",
        "InvalidArgument",
        "block_group.latitude: must be greater than or equal to 32.5 and less than or equal to 42",
        "INVALID_REQUEST",
    ]
