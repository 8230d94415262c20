"""The manifests and the images on real nodes: kubelets, containers, pods with addresses of their own, calls to them.

The database and the registry run beside the cluster, as the manifests expect. Pods reach each other over a bridge,
which does not know network policies: nothing here shows that they are enforced.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from access import make_keys
from control_plane import ControlPlane, child_process, control_plane
from postgres import running_postgres
from real_nodes import ADDRESS, PATIENCE, Node, make_bridge, real_nodes
from running import ROOT, http_get, wait_for
from steady_load import Load

pytestmark = [
    pytest.mark.external,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("NODES" not in os.environ, reason="needs root, a build and images: `make nodes` runs it"),
]

IMAGE = "docker.io/california-housing/{}:{}"
NAMESPACE = ("--namespace", "housing-dev")
SMALLER = """
  # These nodes are smaller than those that the requests are for.
  - target: {kind: Deployment, name: gateway|retrainer}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 100m}

configMapGenerator:
  - {name: housing-server, behavior: merge, literals: [HOUSING_WORKERS=1]}
"""
"""What is added to the overlay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What is deployed to, and how."""

    control_plane: ControlPlane
    """Its API."""
    deploy: Path
    """The script that deploys."""
    key: str
    """An API key with the role `predict`."""

    def upgrade(self, tag: str) -> subprocess.CompletedProcess[str]:
        """Deploy images of a tag."""
        programs = Path(self.control_plane.kubectl).parent
        settings = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOUSING_IMAGE_PREFIX": "docker.io/california-housing/",
            "HOUSING_DEPLOY_SECONDS": str(int(PATIENCE)),
        }
        environment = {**self.control_plane.environment, **settings}
        return subprocess.run([self.deploy, "dev", tag], env=environment, check=False, capture_output=True, text=True)

    def pods(self, name: str) -> list[Any]:
        """Return the pods of a deployment that are not on their way out."""
        found = self.control_plane.get("pods", *NAMESPACE, "--selector", f"app.kubernetes.io/name={name}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def wait_until_ready(self, name: str, count: int) -> None:
        """Wait until a deployment has exactly so many pods, which are all ready."""

        def settled() -> bool | None:
            pods = self.pods(name)
            return True if len(pods) == count and all(map(_is_ready, pods)) else None

        wait_for(settled, f"{count} pods of {name}", PATIENCE)

    def restarts(self) -> int:
        """Count how often containers of servers were started again."""
        return sum(found["restartCount"] for pod in self.pods("server") for found in pod["status"]["containerStatuses"])

    @property
    def gateway(self) -> str:
        """Address and port of the gateway's Service."""
        found = self.control_plane.get("service", "gateway", *NAMESPACE)["spec"]
        return f"{found['clusterIP']}:{found['ports'][0]['port']}"


@pytest.fixture(scope="module")
def cluster(state_dir: Path) -> Iterator[Cluster]:
    """A cluster of two nodes with images of two tags; nothing is deployed yet."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nodes-")))
        make_bridge()
        running = stack.enter_context(control_plane(folder, played=False))
        first, second = stack.enter_context(real_nodes(running, folder, ("node-a", "node-b")))
        for node in (first, second):
            _load_images(node, "server", "gateway", "monitor")
            node.load("california-housing/pause:latest")
        _load_images(first, "trainer")
        stack.enter_context(_registry(folder, max((state_dir / "models/california-housing").glob("*-*"))))
        database = stack.enter_context(running_postgres(f"{ADDRESS}/16"))
        database.create_database("housing")
        running.do("apply", "--filename", str(ROOT / "deploy/kubernetes/overlays/dev/namespace.yaml"))
        running.apply(_volume(folder), *_outside("mlflow", 5000), *_outside("postgres", 5432))
        yield Cluster(control_plane=running, deploy=_deployment(folder), key=_secrets(running, folder))


def _is_ready(pod: Any) -> bool:
    return any(found["type"] == "Ready" and found["status"] == "True" for found in pod["status"].get("conditions", ()))


def _load_images(node: Node, *names: str) -> None:
    for name in names:
        node.load(f"california-housing/{name}:latest")
        for tag in ("1.0", "1.1"):
            node.tag(IMAGE.format(name, "latest"), IMAGE.format(name, tag))


@contextmanager
def _registry(folder: Path, model: Path) -> Iterator[None]:
    """Run a tracking server with a champion, which hands out its files."""
    address = f"http://{ADDRESS}:5000"
    files = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
    listening = ["--host", ADDRESS, "--port", "5000", "--allowed-hosts", f"mlflow:5000,{ADDRESS}:5000"]
    server = [str(Path(sys.executable).with_name("mlflow")), "server", "--workers", "1", "--serve-artifacts"]
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with child_process([*server, *files, *listening], folder):
        wait_for(lambda: _answers(f"{address}/health"), "the registry", PATIENCE)
        register = [sys.executable, str(ROOT / "deploy/scripts/register_model.py"), str(model)]
        subprocess.run(register, env=os.environ | {"MLFLOW_TRACKING_URI": address}, check=True, capture_output=True)
        yield


def _answers(address: str) -> bool | None:
    try:
        return True if http_get(address).status_code == 200 else None
    except httpx.TransportError:
        return None


def _deployment(folder: Path) -> Path:
    """Copy the manifests, ask for less, and return the script that deploys them."""
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    with (folder / "deploy/kubernetes/overlays/dev/kustomization.yaml").open("a", encoding="utf-8") as overlay:
        overlay.write(SMALLER)
    return folder / "deploy/kubernetes/deploy.sh"


def _secrets(running: ControlPlane, folder: Path) -> str:
    """Create the secrets that docs/kubernetes.md names; return the key of callers."""
    keys = make_keys(folder / "keys.json")
    database = "--from-literal=url=postgresql://postgres@postgres/housing"
    clients = [f"--from-literal={name}={keys.texts['operate']}" for name in ("monitor", "retrainer")]
    clients.append(f"--from-literal=check={keys.texts['predict']}")
    for name, values in (
        ("housing-database", [database]),
        ("housing-keys", [f"--from-file=keys.json={keys.path}"]),
        ("housing-clients", clients),
    ):
        running.do("create", "secret", "generic", name, *NAMESPACE, *values)
    return keys.texts["predict"]


def _outside(name: str, port: int) -> Sequence[Any]:
    """Return the Service of something that runs beside the cluster, and where it is."""
    ports = [{"name": "main", "port": port, "protocol": "TCP"}]
    metadata = {"name": name, "namespace": "housing-dev"}
    return (
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": metadata | {"labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [ADDRESS]}],
        },
    )


def _volume(folder: Path) -> Any:
    """Return a volume on the first node, which alone has the trainer's image."""
    (folder / "volume").mkdir()
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-a"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "volume"},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "local": {"path": str(folder / "volume")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
        },
    }


def _kill(pod: Any) -> None:
    """Kill all processes of a pod."""
    for group in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if f"pod{pod['metadata']['uid']}/" in group.read_text("utf-8"):
                os.kill(int(group.parent.name), signal.SIGKILL)
        except OSError:  # it has ended
            continue


def test_deployment_rolls_out_and_serves(cluster: Cluster) -> None:
    """Containers start under the `restricted` standard, and a price comes through the gateway, by names and keys."""
    done = cluster.upgrade("1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok: price" in done.stdout
    assert len({pod["spec"]["nodeName"] for pod in cluster.pods("server")}) == 2


def test_no_call_fails_while_pods_come_and_go(cluster: Cluster) -> None:
    """While a tag is rolled out, servers are added, one is killed, and a node is drained."""
    with Load(cluster.gateway, cluster.key) as load:
        load.wait_for_all(10)

        def report(what: str) -> None:
            load.wait_for_all(10)
            print(f"{what}: {sum(load.answers)} answers, {len(load.failures)} failures")  # noqa: T201 - for `make nodes`

        done = cluster.upgrade("1.1")
        assert done.returncode == 0, done.stdout + done.stderr
        report("upgrade")

        cluster.control_plane.do("scale", "deployment/server", "--replicas", "3", *NAMESPACE)
        cluster.wait_until_ready("server", 3)
        report("3 servers")

        _kill(cluster.pods("server")[0])
        wait_for(lambda: True if cluster.restarts() else None, "a container that starts again", PATIENCE)
        cluster.wait_until_ready("server", 3)
        report("one killed")

        drain = ("--ignore-daemonsets", "--delete-emptydir-data", "--timeout", f"{PATIENCE:.0f}s")
        cluster.control_plane.do("drain", "node-b", *drain)
        cluster.wait_until_ready("server", 3)
        cluster.wait_until_ready("gateway", 2)
        report("drain")
    assert not load.failures
    assert {pod["spec"]["nodeName"] for pod in cluster.pods("server") + cluster.pods("gateway")} == {"node-a"}
