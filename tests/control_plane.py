"""A control plane of Kubernetes on this machine, by itself, or with nodes that only say that they run pods."""

import os
import secrets
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kubernetes_schemas import crds
from played_nodes import played_nodes
from running import tool, wait_for

ZONES = ("a", "b", "c")
"""A node for each."""
_ZONE = "topology.kubernetes.io/zone"
_HOW = "tests/kubernetes_tools.sh builds it"


class ControlPlane:
    """A running control plane."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.environment: Mapping[str, str] = os.environ | {"KUBECONFIG": str(kubeconfig)}
        """In which `kubectl` calls it."""
        self.kubectl = tool("kubectl", _HOW)
        """The program."""

    def try_to(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl."""
        return subprocess.run(
            [self.kubectl, *arguments], env=self.environment, check=False, capture_output=True, text=True, input=text
        )

    def do(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl, which is to succeed; return what it prints."""
        done = self.try_to(*arguments, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return resources."""
        return yaml.safe_load(self.do("get", *arguments, "--output", "yaml"))

    def apply(self, *resources: Mapping[str, Any]) -> None:
        """Apply resources."""
        self.do("apply", "--server-side", "--filename", "-", text=yaml.safe_dump_all(resources))


@contextmanager
def control_plane(folder: Path, *, played: bool = True) -> Iterator[ControlPlane]:
    """Start a control plane with the extensions that the manifests use.

    Args:
        folder: where its files go.
        played: whether there is a node in each zone, and room for data, that the test plays.
    """
    store, peers, port = (_free_port() for _ in range(3))
    key = folder / "accounts.pem"
    key.write_bytes(_private_key())
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n", "utf-8")
    kubeconfig = folder / "kubeconfig"
    certificate = folder / "certificates/apiserver.crt"
    kubeconfig.write_text(_kubeconfig(port, certificate, token), "utf-8")
    clients = ["--kubeconfig", str(kubeconfig)]
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> None:
            stack.enter_context(child_process([tool(name, _HOW), *arguments], folder))

        start("etcd", "--data-dir", str(folder / "etcd"), *_etcd(store, peers))
        start("kube-apiserver", *_api_server(folder, key, store, port))
        running = ControlPlane(kubeconfig)
        wait_for(lambda: running.try_to("get", "--raw", "/readyz").returncode == 0 or None, "the API")
        start("kube-scheduler", *clients, "--secure-port", "0", "--leader-elect=false")
        start(
            *("kube-controller-manager", *clients, "--secure-port", "0", "--leader-elect=false"),
            *("--service-account-private-key-file", str(key), "--root-ca-file", str(certificate)),
            *("--node-monitor-grace-period", "240h"),
        )
        running.do("apply", "--server-side", *(f"--filename={path}" for path in crds()))
        running.do("wait", "--for", "condition=established", "crd", "--all")
        if played:
            running.apply(*map(_volume, range(3)))
            stack.enter_context(_zones(f"https://127.0.0.1:{port}", token, certificate))
        yield running


@contextmanager
def _zones(address: str, token: str, certificate: Path) -> Iterator[None]:
    """Play a node in each zone."""
    headers, trusted = {"authorization": f"Bearer {token}"}, ssl.create_default_context(cafile=certificate)
    with (
        httpx.Client(base_url=address, headers=headers, verify=trusted) as api,
        played_nodes(api, {f"node-{zone}": {_ZONE: zone} for zone in ZONES}),
    ):
        yield


def _etcd(store: int, peers: int) -> Sequence[str]:
    here, there = f"http://127.0.0.1:{store}", f"http://127.0.0.1:{peers}"
    return [
        *("--listen-client-urls", here, "--advertise-client-urls", here),
        *("--listen-peer-urls", there, "--initial-advertise-peer-urls", there, "--initial-cluster", f"default={there}"),
        "--unsafe-no-fsync",
    ]


def _api_server(folder: Path, key: Path, store: int, port: int) -> Sequence[str]:
    return [
        *("--etcd-servers", f"http://127.0.0.1:{store}", "--bind-address", "127.0.0.1", "--secure-port", str(port)),
        *("--cert-dir", str(folder / "certificates"), "--token-auth-file", str(folder / "tokens.csv")),
        *("--service-account-issuer", "https://kubernetes", "--service-account-key-file", str(key)),
        *("--service-account-signing-key-file", str(key), "--service-cluster-ip-range", "10.0.0.0/24"),
        *("--authorization-mode", "Node,RBAC", "--kubelet-preferred-address-types", "InternalIP"),
    ]


def _kubeconfig(port: int, certificate: Path, token: str) -> str:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(certificate)}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
            "current-context": "here",
        }
    )


def _volume(number: int) -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"volume-{number}"},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/nonexistent/{number}"},
        },
    }


@contextmanager
def child_process(command: Sequence[str], folder: Path, ended_by: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """Run a program until the end of the block; what it prints goes into a file of its name in the folder."""
    name = Path(command[0]).name
    with (folder / f"{name}.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.send_signal(ended_by)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _private_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
