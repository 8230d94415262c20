"""Ports and limits stand in one module each; where a file cannot read it, the number is held equal to it here."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from housing import ports
from housing_server import limits
from running import ROOT

PORTS = {
    "GRPC": ports.GRPC_PORT,
    "GATEWAY": ports.GATEWAY_PORT,
    "METRICS": ports.METRICS_PORT,
    "MONITOR": ports.MONITOR_PORT,
}
README = (ROOT / "README.md").read_text("utf-8")
REFERENCE = (ROOT / "docs/reference.md").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
PROMETHEUS = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yml").read_text("utf-8"))


def published() -> dict[str, int]:
    """The container's port by variable of the compose file, which moves it on the host alone."""
    found = {}
    for service in COMPOSE["services"].values():
        for text in service.get("ports", []):
            match = re.fullmatch(r"127\.0\.0\.1:\$\{HOUSING_(\w+)_PORT:-(\d+)\}:(\d+)", text)
            assert match, text
            assert match[2] == match[3], text
            found[match[1]] = int(match[3])
    return found


def test_compose_file_publishes_the_ports_of_the_service() -> None:
    """As they are without containers."""
    assert published().items() >= PORTS.items()
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    defaults = {(name, int(port)) for name, port in re.findall(r"\$\{HOUSING_(\w+)_PORT:-(\d+)\}", text)}
    assert defaults == set(published().items())


def test_manifests_for_kubernetes_expose_the_ports_of_the_service_to_the_cluster_only() -> None:
    """No port of a node, none of a load balancer, and no pod in the network of its node."""
    documents = [
        each
        for path in (ROOT / "deploy/kubernetes").rglob("*.yaml")
        for each in yaml.safe_load_all(path.read_text("utf-8"))
        if each
    ]
    text = str(documents)
    assert not [
        word for word in ("hostPort", "hostNetwork", "hostIP", "nodePort", "NodePort", "LoadBalancer") if word in text
    ]
    exposed = {int(port) for port in re.findall(r"'containerPort': (\d+)", text)}
    services = [each for each in documents if each.get("kind") == "Service"]
    assert exposed == set(PORTS.values())
    assert {port["port"] for each in services for port in each["spec"]["ports"]} <= exposed


def test_prometheus_scrapes_the_ports_of_the_service() -> None:
    """And those that the compose file gives to the other programs."""
    known = published()
    expected = {
        ("server", ports.METRICS_PORT),
        ("server", ports.GATEWAY_PORT),
        ("monitor", ports.MONITOR_PORT),
        ("alertmanager", known["ALERTMANAGER"]),
        ("localhost", known["PROMETHEUS"]),
    }
    jobs = [*PROMETHEUS["scrape_configs"], *PROMETHEUS["alerting"]["alertmanagers"]]
    targets = {target for job in jobs for config in job["static_configs"] for target in config["targets"]}
    assert targets == {f"{host}:{port}" for host, port in expected}
    source = yaml.safe_load((ROOT / "monitoring/grafana/provisioning/datasources/prometheus.yaml").read_text("utf-8"))
    assert source["datasources"][0]["url"] == f"http://prometheus:{known['PROMETHEUS']}"


def test_images_expose_and_check_the_ports_of_the_service() -> None:
    """Each image those of its program."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    exposed = {int(port) for line in re.findall(r"^EXPOSE (.+)$", text, re.MULTILINE) for port in line.split()}
    assert exposed == set(PORTS.values())
    checks = dict(re.findall(r'"HOUSING_(\w+)_PORT", "(\d+)"', text))
    assert {name: int(port) for name, port in checks.items()}.items() <= PORTS.items()
    assert len(checks) == 3


@pytest.mark.parametrize("name", ["README.md", "deploy/scripts/check_service.py", "SECURITY.md"])
def test_documents_name_the_ports_of_the_service(name: str) -> None:
    """Addresses on this machine, and the table of what listens where."""
    text = (ROOT / name).read_text("utf-8")
    shown = re.findall(r"127\.0\.0\.1:(\d+)", text) + re.findall(r"^\| (\d+), (?:gRPC|gateway|side|mon)", text, re.M)
    assert shown
    assert {int(port) for port in shown} <= set(PORTS.values())


def test_table_of_addresses_names_the_variables_that_move_them() -> None:
    """Each port by its setting."""
    table = re.findall(r"^\| .+ \| `(?:http://)?127\.0\.0\.1:(\d+)` \| `HOUSING_(\w+)_PORT` \|$", README, re.MULTILINE)
    assert {name: int(port) for port, name in table} == PORTS


def numbers(path: Path) -> set[object]:
    """The constants of a module."""
    return {node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)}


def test_no_other_module_holds_a_port() -> None:
    """They are imported."""
    folders = ("protos/housing", "server", "client", "monitoring")
    modules = {path for folder in folders for path in (ROOT / folder).rglob("*.py") if "_pb2" not in path.name}
    assert [path for path in modules if numbers(path) & set(PORTS.values())] == [ROOT / "protos/housing/ports.py"]


def test_template_and_scripts_of_the_gateway_hold_neither_ports_nor_limits() -> None:
    """They are filled in, or read from the contract's values."""
    fixed = [*PORTS.values(), *(value for name, value in vars(limits).items() if name.endswith("_BYTES"))]
    pattern = re.compile(rf"\b({'|'.join(map(str, fixed))})\b")
    folder = ROOT / "server/housing_server/gateway"
    named = {
        path.name: pattern.findall(re.sub(r"(--|#).*", "", path.read_text("utf-8")))
        for path in (*folder.glob("*.lua"), *folder.glob("*.yaml"))
    }
    # In Lua, 128 is where bytes of UTF-8 and of protobuf's numbers begin to mean something else.
    assert {name for name, found in named.items() if set(found) - {"128"}} == set()


def test_table_of_errors_names_the_limits() -> None:
    """In the units that people read."""
    for reason, text in {
        "MESSAGE_TOO_LARGE": f"{limits.MAX_REQUEST_BYTES >> 20} MiB",
        "BODY_TOO_LARGE": f"{limits.MAX_BODY_BYTES >> 20} MiB",
        "HEADERS_TOO_LARGE": f"{limits.MAX_HEADER_BYTES >> 10} KiB",
    }.items():
        assert re.search(rf"^\| `{reason}` .*\b{text}", REFERENCE, re.MULTILINE), reason
        contract = (ROOT / "protos/housing/v1/error_reason.proto").read_text("utf-8")
        assert re.search(rf"over {text}.*\n(?:  //.*\n)*  ERROR_REASON_{reason} =", contract), reason
