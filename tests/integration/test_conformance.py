"""Connect's conformance suite judges the second transport: six hundred calls by clients that are not ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

from conformance.listening import listening
from running import ROOT, tool, transport_or_skip

SUITE = "connectrpc.com/conformance"
VERSION = "v1.0.7"
HERE = ROOT / "tests/conformance"


def test_second_transport_conforms(tmp_path: Path) -> None:
    """All of the suite's cases for gRPC and gRPC-Web pass, but for those in known_differences.txt, with their reasons.

    gRPC-Web goes through Envoy's filter, over HTTP/1.1 and HTTP/2.
    """
    transport_or_skip("envoy")
    runner = tool("connectconformance", "make tools builds it, with Go")
    generate_messages(tmp_path)
    # Which of two timers is first: the service's, which says why, or the client's own.
    flaky = ["--known-flaky", "Timeouts/**"]
    options = [*flaky, "--conf", str(HERE / "suite.yaml"), "--known-failing", f"@{HERE / 'known_differences.txt'}"]
    with listening("conformance.service:application", tmp_path, web=True) as port:
        server = [sys.executable, str(HERE / "server.py"), str(port)]
        result = subprocess.run(
            [runner, "--mode", "server", "--parallel", "4", *options, "--", *server],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 0, f"{result.stdout[-4000:]}\n{result.stderr[-2000:]}"


def generate_messages(folder: Path) -> None:
    """Generate the suite's messages from the files that its Go module brings."""
    go = tool("go", "it brings the suite's proto files")
    found = subprocess.run([go, "mod", "download", "-json", f"{SUITE}@{VERSION}"], capture_output=True, check=True)
    protos = Path(json.loads(found.stdout)["Dir"]) / "proto"
    files = [str(path) for path in protos.rglob("*.proto")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{protos}", f"--python_out={folder}", *files]
    subprocess.run(command, check=True)
