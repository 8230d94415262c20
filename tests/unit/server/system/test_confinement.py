"""What a process that loads foreign models is left with."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from housing_server.system.environment import without_secrets

CONFINED = """
import resource, socket, sys
from housing_server.system.confinement import confine
confine()
status = open("/proc/self/status").read()
print("NoNewPrivs:\t1" in status, resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).close()
except OSError:
    print("no network")
print(len(open(sys.argv[2]).read()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other fences")
def test_confined_process_gains_no_rights_and_still_reads_its_files(tmp_path: Path) -> None:
    """Where the system lets it leave the network, not even loopback answers."""
    (tmp_path / "file").write_text("model", "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = [str(server.getsockname()[1]), str(tmp_path / "file")]
        run = [sys.executable, "-c", CONFINED, *arguments]
        lines = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0] == "True True"
    assert lines[-1] == "5"


def test_secrets_are_not_handed_on() -> None:
    """What is not known to be harmless is left out."""
    harmless = {"PATH": "/bin", "HOME": "/home/a", "LC_ALL": "C", "PYTHONPATH": "/a", "OMP_NUM_THREADS": "1"}
    secret = {
        "HOUSING_PREDICTION_LOG": "postgresql://user:password@host/db",
        "MLFLOW_TRACKING_TOKEN": "token",
        "MLFLOW_TRACKING_URI": "https://user:password@host",
        "AWS_SECRET_ACCESS_KEY": "key",
        "ANYTHING": "else",
    }
    tracing, database = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=token"}, {"PGPASSWORD": "password"}
    everything = harmless | secret | tracing | database
    assert without_secrets(everything) == harmless
    assert without_secrets(everything, tracing=True) == harmless | tracing
    assert without_secrets(everything, database=True) == harmless | database
