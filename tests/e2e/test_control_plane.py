"""The manifests in a real control plane: API, admission, controllers and scheduler; only nodes are played.

Pods of such nodes are ready at once, and nothing runs in them: what the service does when pods come and go is rehearsed
in test_several_servers.py.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from control_plane import ControlPlane, control_plane
from running import ROOT, wait_for

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif("CONTROL_PLANE" not in os.environ, reason="needs a build: `make control-plane` runs it"),
]

FOLDER = ROOT / "deploy/kubernetes"
SERVERS = {"dev": 2, "staging": 2, "prod": 3}
"""The fewest pods of `server` in each environment."""
DEPLOYMENTS = {"server", "gateway", "monitor", "retrainer"}
PATIENCE = 180.0
Deploy = Callable[..., subprocess.CompletedProcess[str]]

KUBECTL = """#!/bin/sh
case "$*" in
*" exec "*) cat >/dev/null; ! rm "{unwell}" 2>/dev/null ;;
*) exec "{kubectl}" "$@" ;;
esac
"""
"""kubectl, except that nothing runs in pods: what would check the service there succeeds, or fails once."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster of three nodes."""
    with control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture
def deploy(cluster: ControlPlane, tmp_path: Path) -> Deploy:
    """Runs `deploy.sh` in that cluster; what is deployed serves, or does not."""
    unwell, program = tmp_path / "unwell", tmp_path / "kubectl"
    program.write_text(KUBECTL.format(kubectl=cluster.kubectl, unwell=unwell), "utf-8")
    program.chmod(0o755)

    def run(environment: str, tag: str, *, serves: bool = True) -> subprocess.CompletedProcess[str]:
        unwell.unlink(missing_ok=True)
        if not serves:
            unwell.touch()
        path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOUSING_DEPLOY_SECONDS": str(int(PATIENCE))}
        command = [str(FOLDER / "deploy.sh"), environment, tag]
        return subprocess.run(command, env={**cluster.environment, **path}, check=False, capture_output=True, text=True)

    return run


def wait_for_tag(cluster: ControlPlane, environment: str, tag: str) -> None:
    """Wait until all pods are of a tag."""

    def only() -> bool | None:
        pods = cluster.get("pods", "--namespace", f"housing-{environment}")["items"]
        return {pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods} == {tag} or None

    wait_for(only, f"pods of {tag} alone", PATIENCE)


def ready(cluster: ControlPlane, environment: str, deployment: str = "server") -> int:
    """How many pods of a deployment are available."""
    found = cluster.get("deployment", deployment, "--namespace", f"housing-{environment}")
    return int(found["status"].get("availableReplicas", 0))


def wait_until_ready(cluster: ControlPlane, environment: str, count: int) -> None:
    """Wait for a number of servers."""
    wait_for(lambda: ready(cluster, environment) == count or None, f"{count} servers", PATIENCE)


@pytest.mark.parametrize("environment", SERVERS)
def test_overlay_is_accepted_and_rolls_out(environment: str, cluster: ControlPlane, deploy: Deploy) -> None:
    """No field is unknown, no pod is refused by the `restricted` standard, and the autoscaler makes its fewest pods."""
    done = deploy(environment, "1.0")
    assert done.returncode == 0, done.stderr
    wait_until_ready(cluster, environment, SERVERS[environment])
    wait_for_tag(cluster, environment, "1.0")
    events = cluster.get("events", "--namespace", f"housing-{environment}")["items"]
    assert not [event["message"] for event in events if event["reason"] in {"FailedCreate", "FailedValidation"}]


def test_servers_are_spread_over_zones(cluster: ControlPlane) -> None:
    """One in each, in production."""
    pods = cluster.get("pods", "--namespace", "housing-prod", "--selector", "app.kubernetes.io/name=server")["items"]
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 3


def test_pod_that_may_do_more_is_refused(cluster: ControlPlane) -> None:
    """By the standard that the namespaces enforce."""
    refused = cluster.try_to("run", "root", "--image", "busybox", "--namespace", "housing-prod")
    assert 'violates PodSecurity "restricted' in refused.stderr


def test_routes_are_accepted(cluster: ControlPlane) -> None:
    """They are in no overlay, and so are tried by themselves."""
    cluster.do(
        "apply",
        "--server-side",
        "--validate=strict",
        "--namespace",
        "default",
        "--kustomize",
        f"{FOLDER}/components/routes",
    )


def test_upgrade_keeps_what_the_autoscaler_has_made(cluster: ControlPlane, deploy: Deploy) -> None:
    """And no moment has fewer servers than before."""
    cluster.do("scale", "deployment/server", "--replicas", "5", "--namespace", "housing-prod")
    wait_until_ready(cluster, "prod", 5)
    watching = ["get", "deployment", "server", "--namespace", "housing-prod", "--watch"]
    with subprocess.Popen(
        [cluster.kubectl, *watching, "--output", 'jsonpath={.status.availableReplicas}{"\\n"}'],
        env=dict(cluster.environment),
        stdout=subprocess.PIPE,
        text=True,
    ) as watch:
        done = deploy("prod", "1.1")
        watch.terminate()
        seen = [int(line) for line in watch.communicate()[0].split()]
    assert done.returncode == 0, done.stderr
    wait_for_tag(cluster, "prod", "1.1")
    assert len(seen) > 1
    assert min(seen) >= 5


def test_upgrade_that_does_not_serve_is_undone(cluster: ControlPlane, deploy: Deploy) -> None:
    """The previous tag is rolled out again."""
    done = deploy("staging", "1.1", serves=False)
    assert done.returncode == 1
    assert "staging serves 1.0 again" in done.stderr
    wait_for_tag(cluster, "staging", "1.0")


def test_zone_is_drained_with_servers_left(cluster: ControlPlane) -> None:
    """Evictions wait for the successors of those before them, which all find a place in the other zones."""
    try:
        cluster.do("drain", "node-a", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout", f"{PATIENCE:.0f}s")
        for environment, count in (SERVERS | {"prod": 5}).items():
            wait_until_ready(cluster, environment, count)
    finally:
        cluster.do("uncordon", "node-a")


def test_weekly_retraining_makes_a_pod(cluster: ControlPlane) -> None:
    """What the schedule would start is admitted, and finishes."""
    cluster.do("create", "job", "now", "--from", "cronjob/retrain-weekly", "--namespace", "housing-dev")
    cluster.do("wait", "--for", "condition=complete", "job/now", "--namespace", "housing-dev", "--timeout", "120s")
