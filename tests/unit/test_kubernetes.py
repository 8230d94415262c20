"""The manifests for Kubernetes: valid, and in line with the service, which no schema knows."""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from housing import ports
from housing.services import SERVICES
from housing_monitoring.settings import MonitorSettings
from housing_retraining.settings import RetrainingSettings
from housing_server.grpc_transport.health import SERVICE_NAME
from housing_server.settings import GatewaySettings, ServerSettings
from kubernetes_schemas import VERSION, write_schemas
from running import ROOT, tool

pytestmark = pytest.mark.external

ENVIRONMENTS = ("dev", "staging", "prod")
FOLDER = ROOT / "deploy/kubernetes"
ROUTES = FOLDER / "components/routes/routes.yaml"
Resource = dict[str, Any]

PORTS = {
    "server": {"grpc": ports.GRPC_PORT, "metrics": ports.METRICS_PORT},
    "gateway": {"http": ports.GATEWAY_PORT},
    "monitor": {"metrics": ports.MONITOR_PORT},
}
SETTINGS: dict[str, type[BaseSettings]] = {
    "server": ServerSettings,
    "gateway": GatewaySettings,
    "monitor": MonitorSettings,
    "retrainer": RetrainingSettings,
}
REFERENCES = {"housing-clients", "housing-database", "housing-registry"}
"""Secrets that whoever deploys makes: docs/kubernetes.md and docs/security.md."""


@cache
def build(environment: str) -> str:
    """Build an overlay."""
    kustomize = tool("kustomize", "make tools")
    command = [kustomize, "build", str(FOLDER / "overlays" / environment)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower(), done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    """The resources of an overlay."""
    return list(yaml.safe_load_all(build(request.param)))


def of_kind(resources: list[Resource], *kinds: str) -> list[Resource]:
    """Resources of some kinds."""
    return [each for each in resources if each["kind"] in kinds]


def templates(resources: list[Resource]) -> dict[str, Resource]:
    """Templates of pods, by the name of what has them."""
    found = {each["metadata"]["name"]: each["spec"]["template"] for each in of_kind(resources, "Deployment")}
    jobs = of_kind(resources, "CronJob")
    return found | {each["metadata"]["name"]: each["spec"]["jobTemplate"]["spec"]["template"] for each in jobs}


def containers(resources: list[Resource]) -> Iterator[Resource]:
    """All containers."""
    for template in templates(resources).values():
        yield from template["spec"]["containers"]


def selects(selector: Resource, labels: Resource) -> bool:
    """Whether a selector matches labels."""
    plain = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
    return plain.items() <= labels.items() and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", [])
    )


def test_manifests_are_valid(tmp_path: Path) -> None:
    """Strictly: a field that Kubernetes does not know is an error, of extensions as well."""
    built = "---\n".join([*map(build, ENVIRONMENTS), ROUTES.read_text("utf-8")])
    kinds = {(each["apiVersion"], each["kind"]) for each in yaml.safe_load_all(built)}
    kubeconform = tool("kubeconform", "make tools")
    location = write_schemas(tmp_path, kinds)
    command = [kubeconform, "-strict", "-kubernetes-version", VERSION, "-schema-location", location]
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=built)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_those_of_prometheus() -> None:
    """The file is what the generator writes today."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); import generate; sys.stdout.write(generate.text())"
    written = subprocess.run([sys.executable, "-c", script, str(FOLDER)], check=True, capture_output=True, text=True)
    assert (FOLDER / "components/monitoring/rules.yaml").read_text("utf-8") == written.stdout, "run make kubernetes"


def test_selectors_match_labels(resources: list[Resource]) -> None:
    """Each selector finds pods, or services where it is for services."""
    labels = [template["metadata"]["labels"] for template in templates(resources).values()]
    for each in of_kind(resources, "Deployment"):
        assert selects(each["spec"]["selector"], each["spec"]["template"]["metadata"]["labels"])
    for each in of_kind(resources, "Service"):
        assert any(selects(each["spec"]["selector"], every) for every in labels), each["metadata"]["name"]
    for each in of_kind(resources, "PodDisruptionBudget"):
        assert any(selects(each["spec"]["selector"], every) for every in labels), each["metadata"]["name"]
    services = [each["metadata"]["labels"] for each in of_kind(resources, "Service")]
    for each in of_kind(resources, "ServiceMonitor"):
        assert any(selects(each["spec"]["selector"], every) for every in services), each["metadata"]["name"]
    for each in of_kind(resources, "HorizontalPodAutoscaler"):
        assert each["spec"]["scaleTargetRef"]["name"] in templates(resources)


def test_network_policies_name_pods_and_their_ports(resources: list[Resource]) -> None:
    """A misspelt label or port would cut pods off."""
    found = list(templates(resources).values())

    def chosen(selector: Resource) -> list[Resource]:
        return [each for each in found if selects(selector, each["metadata"]["labels"])]

    def named(pods: list[Resource]) -> set[str]:
        return {port["name"] for pod in pods for every in pod["spec"]["containers"] for port in every.get("ports", [])}

    for policy in of_kind(resources, "NetworkPolicy"):
        own = chosen(policy["spec"]["podSelector"])
        assert own, policy["metadata"]["name"]
        for rule in policy["spec"].get("ingress", []):
            assert {port["port"] for port in rule["ports"]} <= named(own)
            assert all(chosen(peer["podSelector"]) for peer in rule["from"] if "podSelector" in peer)
        for rule in policy["spec"].get("egress", []):
            peers = [pod for peer in rule.get("to", []) for pod in chosen(peer.get("podSelector", {"no": "pod"}))]
            assert {port["port"] for port in rule["ports"] if isinstance(port["port"], str)} <= named(peers)


def test_ports_are_those_of_the_service(resources: list[Resource]) -> None:
    """Of containers, services and probes."""
    for each in of_kind(resources, "Deployment"):
        name = each["metadata"]["name"]
        (container,) = each["spec"]["template"]["spec"]["containers"]
        exposed = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        assert exposed == PORTS.get(name, {})
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            check = container.get(probe, {})
            assert check.get("grpc", {}).get("port", ports.GRPC_PORT) == ports.GRPC_PORT
            assert check.get("grpc", {}).get("service", SERVICES[0]) in SERVICES
            assert "httpGet" not in check or check["httpGet"]["port"] in exposed
    for each in of_kind(resources, "Service"):
        exposed = PORTS[each["metadata"]["name"]]
        assert {port["targetPort"]: port["port"] for port in each["spec"]["ports"]} == exposed


def test_variables_are_settings(resources: list[Resource]) -> None:
    """What no program reads is a misspelling."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(resources, "ConfigMap")}
    for container in containers(resources):
        names = {each["name"] for each in container.get("env", [])}
        for source in container["envFrom"]:
            names |= set(maps[source["configMapRef"]["name"]])
        known = {f"HOUSING_{field.upper()}" for field in SETTINGS[container["name"]].model_fields}
        assert {name for name in names if not name.startswith("MLFLOW_TRACKING_")} <= known | {"HOUSING_API_KEY"}
        secrets = {each["valueFrom"]["secretKeyRef"]["name"] for each in container.get("env", [])}
        assert secrets <= REFERENCES


def test_settings_are_accepted(resources: list[Resource]) -> None:
    """Each value is within its limits."""
    for each in of_kind(resources, "ConfigMap"):
        program = each["metadata"]["name"].split("-")[1]
        values = {name.removeprefix("HOUSING_").lower(): value for name, value in each["data"].items()}
        SETTINGS[program](**{name: value for name, value in values.items() if not name.startswith("mlflow")})


def test_pods_have_time_to_drain(resources: list[Resource]) -> None:
    """Before they are killed."""
    for name in ("server", "gateway"):
        spec = templates(resources)[name]["spec"]
        (data,) = (
            each["data"]
            for each in of_kind(resources, "ConfigMap")
            if each["metadata"]["name"].startswith(f"housing-{name}-")
        )
        drain = float(data.get("HOUSING_DRAIN_SECONDS") or data["HOUSING_GATEWAY_DRAIN_SECONDS"])
        before = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] > before + drain + float(data["HOUSING_GRACE_SECONDS"])


def test_pods_are_restricted(resources: list[Resource]) -> None:
    """As the namespace demands, and more: the root is read-only, and no token of the cluster's API is there."""
    for template in templates(resources).values():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
    for container in containers(resources):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert container["image"].startswith("docker.io/example/california-housing-")


def test_rollouts_never_take_a_server_away(resources: list[Resource]) -> None:
    """Its successor is ready first."""
    for each in of_kind(resources, "Deployment"):
        if each["metadata"]["name"] in {"server", "gateway"}:
            assert each["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_number_of_pods_is_set_once(resources: list[Resource]) -> None:
    """By the autoscaler where there is one: a deployment would take its pods away, in the middle of the load."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in of_kind(resources, "HorizontalPodAutoscaler")
    }
    assert all(spec["minReplicas"] >= 2 for spec in scaled.values())
    counts = {each["metadata"]["name"]: each["spec"].get("replicas") for each in of_kind(resources, "Deployment")}
    assert {name for name, count in counts.items() if count is None} == set(scaled)
    assert counts["gateway"] >= 2


def test_routes_name_the_services_of_the_contract() -> None:
    """All of them, and health; metrics are not reached."""
    routes = list(yaml.safe_load_all(ROUTES.read_text("utf-8")))
    (route,) = of_kind(routes, "GRPCRoute")
    (rule,) = route["spec"]["rules"]
    assert {match["method"]["service"] for match in rule["matches"]} == {*SERVICES, SERVICE_NAME}
    for each in routes:
        for rule in each["spec"]["rules"]:
            assert rule["backendRefs"] == [{"name": "gateway", "port": ports.GATEWAY_PORT}]


def test_callers_from_outside_are_not_let_in_without_keys(resources: list[Resource]) -> None:
    """No overlay has a route, an ingress or a load balancer."""
    assert not of_kind(resources, "GRPCRoute", "HTTPRoute", "Ingress")
    assert {each["spec"].get("type", "ClusterIP") for each in of_kind(resources, "Service")} == {"ClusterIP"}


KUBECTL = """#!/bin/sh
echo "$@" >>"$LOG"
for last; do :; done
case "$*" in
*"get deployment server"*) printf docker.io/you/server:1.0 ;;
*"apply --kustomize"*) cp "$last/kustomization.yaml" "$APPLIED" ;;
*"rollout status"*) ! grep -q 'newTag: "broken"' "$APPLIED" ;;
*exec*) cat >/dev/null ;;
esac
"""
"""Stands in for a cluster in which a broken tag never rolls out."""


@pytest.mark.parametrize(("tag", "code", "served"), [("1.1", 0, "1.1"), ("broken", 1, "1.0")])
def test_deployment_that_does_not_serve_is_undone(tag: str, code: int, served: str, tmp_path: Path) -> None:
    """The overlay is applied with the tag, and with the previous one again if the rollout fails."""
    program, applied, log = tmp_path / "kubectl", tmp_path / "applied", tmp_path / "log"
    program.write_text(KUBECTL, "utf-8")
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log), "APPLIED": str(applied)}
    done = subprocess.run(
        [str(FOLDER / "deploy.sh"), "prod", tag],
        check=False,
        capture_output=True,
        text=True,
        env=environment | {"HOUSING_IMAGE_PREFIX": "docker.io/you/homes-"},
    )
    assert done.returncode == code, done.stderr
    images = yaml.safe_load(applied.read_text("utf-8"))["images"]
    assert {image["newTag"] for image in images} == {served}
    assert {image["newName"] for image in images} == {f"docker.io/you/homes-{each}" for each in [*PORTS, "trainer"]}
    assert "exec --stdin deployment/gateway" in log.read_text("utf-8").splitlines()[-1]
