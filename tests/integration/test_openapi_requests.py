"""What the OpenAPI document promises, asked of a real service by a program that knows only the document."""

import subprocess
from pathlib import Path

import pytest

from running import ROOT, running_service, tool, transport_or_skip

pytestmark = pytest.mark.external

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = 10
"""Random requests of each operation, beside the documented ones and those at the bounds of its fields."""
UNEXPLAINED = "/api/explain"
"""The small graph has no background to explain by: each request would be answered with 501."""


def test_answers_are_as_documented(state_dir: Path, tmp_path: Path) -> None:
    """Whatever is sent: no operation fails, and status, content type and body are among the documented ones."""
    schemathesis = ROOT / ".tools/schemathesis/bin/schemathesis"
    if not schemathesis.exists():
        schemathesis = Path(tool("schemathesis", "make tools"))
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
    with running_service(tmp_path, state_dir, transport=transport_or_skip("envoy")) as service:
        address = f"http://127.0.0.1:{service.gateway_port}/openapi.json"
        done = subprocess.run(
            [schemathesis, "run", address, "--checks", CHECKS, "--exclude-path", UNEXPLAINED, *phases],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr
