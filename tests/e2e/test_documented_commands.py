"""Every shell command that the documents show is run, word by word, against the real service."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from running import PATIENCE, ROOT, Service, tool
from shell_blocks import commands

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "data/README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

ELSEWHERE = {
    "make": "the targets are run by CI and by people; test_docs.py checks that each exists",
    "docker": "images and compose are built and run by `make containers`",
    "DOCKER_BUILDKIT=1": "the same",
    "HOUSING_ALERT_WEBHOOK_FILE=$HOME/webhook": "the same",
    "deploy/deploy.sh": "`make containers` deploys and upgrades with it over SSH, and has it roll back",
    "deploy/kubernetes/deploy.sh": "tests/unit/test_kubernetes.py runs it with a stand-in for kubectl",
    "kubectl ": "there is no cluster; the manifests are checked in tests/unit/test_kubernetes.py",
    "dvc": "tests/integration/test_pipeline.py pushes to a folder and pulls from it",
    "promtool": "tests/e2e/test_dashboard.py asks a running Prometheus",
    "amtool": "tests/e2e/test_alerts.py asks a running Alertmanager",
    ".venv/bin/pip": "`make install` does",
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317": "tests/e2e/test_tracing.py runs the service with a collector",
    ".venv/bin/housing score ": "tests/integration/test_score.py runs it with a real registry",
    ".venv/bin/housing train": "tests/unit/training and tests/model run the pipeline",
    ".venv/bin/housing replay ": "tests/integration/test_replay_command.py runs it",
    "HOUSING_TLS_CERTIFICATE=tls/certificate.pem": "tests/integration/test_encryption.py serves with certificates",
    "HOUSING_API_KEY_FILE=shop.key": "the same",
    "curl --cacert ca.pem https://localhost:8080": "`make containers` calls with key and certificate",
    "HOUSING_CA_FILE=ca.pem": "tests/integration/test_encryption.py calls with certificates",
    "HOUSING_TOKEN_JWKS=jwks.json": "tests/integration/test_access.py serves with a provider's keys",
    ".venv/bin/housing retrain ": "tests/e2e/test_retraining.py runs the watcher, which runs the others",
    ".venv/bin/housing model list": "tests/unit/retraining/test_champions.py moves aliases of a registry",
    ".venv/bin/housing model promote ": "the same",
    ".venv/bin/housing model rollback ": "the same",
    ".venv/bin/housing model canary": "tests/integration/test_canary.py runs it beside a service",
    "curl http://127.0.0.1:8080/api/models/7:promote": "tests/integration/test_retraining_service.py does",
    "curl http://127.0.0.1:8080/api/models:rollback": "the same",
    ".venv/bin/python -c": "tests/integration/test_swap.py moves the alias",
    "ghz ": "benchmarks measure with it; `benchmarks/tools.sh` builds it",
    "go ": "tests/integration/test_go_client.py compiles the client and calls the service with it",
    "buf generate": "the same",
    "mvn ": "for people: it fetches what it needs",
    "npm ": "the same",
    "npx ": "the same",
    "pip install grpcio-tools": "`make install` does",
    "python -m grpc_tools.protoc": "tests/unit/housing/test_released_contract.py runs it",
    "HOUSING_GRPC_HOST=10.0.0.1,10.0.0.2,10.0.0.3": "tests/e2e/test_several_servers.py has three servers",
    "kill -HUP": "tests/integration/test_swap.py sends the signal",
    ".venv/bin/housing up ": "`make demo` runs it, and tests/unit/cli/test_stack.py what it is made of",
    ".venv/bin/housing outcomes priced.csv ": "`make demo` runs it; with sold.csv it runs here",
    "cp new.csv ": "`make demo` runs it; tests/e2e/test_retraining.py drops a file, too",
    "until ": "`make demo` waits so; what it waits for is in tests/e2e/test_retraining.py",
    "kill %": "`make demo` stops so what it has started",
    "wait": "the same",
}
"""Commands that are not run here, by how they begin, and what runs them instead."""


def _shown() -> Iterator[tuple[str, str]]:
    """Yield each command once, with the document that shows it first."""
    seen: set[str] = set()
    for path in DOCUMENTS:
        for command in commands(path.read_text("utf-8")):
            if command not in seen:
                seen.add(command)
                yield f"{path.relative_to(ROOT)}: {command.splitlines()[0]}", command


SHOWN = dict(_shown())
RUN_HERE = {name: command for name, command in SHOWN.items() if not command.startswith(tuple(ELSEWHERE))}


class Product(Protocol):
    """What these tests need of the service that the session runs."""

    gateway_port: int
    grpc_port: int
    metrics_port: int
    service: Service


@pytest.fixture(scope="module", name="folder")
def working_folder(
    product: Product, census_rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the files that the commands name, and the programs where they expect them."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / ".venv").mkdir()
    (folder / ".venv/bin").symlink_to(Path(sys.executable).parent)
    (folder / "dist").mkdir()
    descriptors = ("build", "protos", "--path", "protos/housing", "--as-file-descriptor-set", "--output")
    buf = Path(sys.executable).with_name("buf")
    subprocess.run(
        [buf, *descriptors, folder / "dist/housing.binpb"], cwd=ROOT, check=True
    )  # as `make descriptors` does
    rows = census_rows[:3]
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    (folder / "blocks.csv").write_text("\n".join(lines), "utf-8")
    with httpx.Client(base_url=f"http://127.0.0.1:{product.gateway_port}", timeout=PATIENCE) as http:
        key = http.post("/api/predict", json=rows[0]).raise_for_status().json()["prediction_id"]
    (folder / "sold.csv").write_text(f"prediction_id,median_house_value\n{key},250000\n", "utf-8")
    return folder


@pytest.fixture(scope="module", name="environment")
def shell_environment(product: Product, folder: Path) -> dict[str, str]:
    """What a shell has set when the service listens elsewhere than by default."""
    tools = Path(tool("grpcurl", "make tools")).parent
    return os.environ | {
        "HOUSING_TARGET": product.service.target,
        "HOUSING_GRPC_PORT": str(product.grpc_port),
        "HOUSING_STATE_DIR": str(folder / "var"),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
    }


def moved(command: str, product: Product) -> str:
    """Put the ports of this service in the place of the usual ones."""
    ports = {"8080": product.gateway_port, "50051": product.grpc_port, "9464": product.metrics_port}
    for usual, port in ports.items():
        command = command.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{port}")
    return re.sub(r"^curl ", "curl --fail-with-body --silent --show-error ", command)


@pytest.mark.parametrize("name", [name for name, command in RUN_HERE.items() if "--follow" not in command])
def test_command_works_as_shown(name: str, product: Product, folder: Path, environment: dict[str, str]) -> None:
    """It ends well, and prints something or writes the file that it names."""
    command = moved(RUN_HERE[name], product)
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    written = re.search(r"(?:--output|>) (\w\S*)", command)
    assert done.stdout.strip() or (written and (folder / written[1]).stat().st_size > 0), command


@pytest.mark.parametrize("name", [name for name, command in RUN_HERE.items() if "--follow" in command])
def test_command_that_follows_shows_what_there_is(
    name: str, product: Product, folder: Path, environment: dict[str, str]
) -> None:
    """The first answers come at once, and Ctrl-C ends it without a traceback."""
    words = shlex.split(RUN_HERE[name], comments=True)
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        with httpx.Client(base_url=f"http://127.0.0.1:{product.gateway_port}", timeout=PATIENCE) as http:
            body = dict(
                zip(*(line.split(",") for line in (folder / "blocks.csv").read_text().splitlines()[:2]), strict=True)
            )
            numbers = {key: value if key == "ocean_proximity" else float(value) for key, value in body.items()}
            san_francisco = {"longitude": -122.4, "latitude": 37.75}
            http.post("/api/predict", json=numbers | san_francisco).raise_for_status()
        assert running.stdout.readline()  # the heading
        assert running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert "Traceback" not in running.stderr.read()
    assert running.returncode == 0


def test_every_exception_is_needed() -> None:
    """A command that no document shows any more needs no reason."""
    assert {start for start in ELSEWHERE if not any(command.startswith(start) for command in SHOWN.values())} == set()
