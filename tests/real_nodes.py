"""Nodes of Kubernetes on this machine: containerd and kubelets, pods on a bridge, kube-proxy and CoreDNS.

It is all within the network and mount namespaces of the test process: what is left of it when that ends is a folder
and cgroups, which are removed.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import psutil
import yaml

from control_plane import ControlPlane, child_process
from running import missing, tool, wait_for

ADDRESS = "10.88.0.1"
"""Address of the nodes, and of what runs beside them: pods are on the same bridge."""
PATIENCE = 300.0
_PODS = "10.88.0.0/16"
_PLUGINS = Path("/usr/lib/cni")
_HOW = "tests/kubernetes_tools.sh nodes installs it"
_KUBELET_PORT = 10250
_LARGEST_DESCRIPTION = 100_000
"""Bytes of the largest file about an image that is no layer."""

_NODE = """
set -eu
cd "$1"
shift
# As root of a mount namespace of its own: the usual folders are this node's, and the kernel's settings, which kubelets
# want changed, look so to this one.
for part in lib log run; do mkdir "$part" && mount --bind "$part" "$(readlink -f /var/$part)"; done
mkdir settings
while read -r path value; do
    echo "$value" >"settings/${path##*/}" && mount --bind "settings/${path##*/}" "/proc/sys/$path"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
containerd --config containerd.toml >containerd.log 2>&1 &
until [ -S run/containerd/containerd.sock ]; do sleep 0.1; done
"$@" >kubelet.log 2>&1
"""
"""Starts a node in a folder; the rest of the arguments is the kubelet's command."""

_CONTAINERD = f"""version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
sandbox_image = "docker.io/california-housing/pause:latest"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{_PLUGINS}"
conf_dir = "{{folder}}/cni"
"""

_DNS = """.:53 {{
    errors
    kubernetes cluster.local {{
        kubeconfig {kubeconfig}
    }}
}}
"""


class Node:
    """A running node."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder

    def load(self, image: str) -> None:
        """Import an image of the container engine, and then delete the archives of its layers: containers need none."""
        with subprocess.Popen([tool("docker", _HOW), "save", image], stdout=subprocess.PIPE) as saved:
            self._containerd("images", "import", "-", stdin=saved.stdout)
        assert saved.returncode == 0, image
        blobs = self._folder / "lib/containerd/io.containerd.content.v1.content/blobs"
        archives = [path for path in blobs.glob("sha256/*") if path.stat().st_size > _LARGEST_DESCRIPTION]
        self._containerd("content", "rm", *(f"sha256:{path.name}" for path in archives))

    def tag(self, image: str, name: str) -> None:
        """Add another name to an image."""
        self._containerd("images", "tag", "--force", image, name)

    def _containerd(self, *arguments: str, stdin: IO[bytes] | None = None) -> None:
        socket = str(self._folder / "run/containerd/containerd.sock")
        command = [tool("ctr", _HOW), "--address", socket, "--namespace", "k8s.io", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=stdin)
        assert done.returncode == 0, done.stderr


def make_bridge() -> None:
    """Add the bridge of pods, in this process's network namespace, with a way to the addresses of services."""
    if any(found.isup for name, found in psutil.net_if_stats().items() if name != "lo"):
        missing("nodes need a network namespace of their own: make nodes")
    for command in (
        "ip link set lo up",
        "ip link add cni0 type bridge",
        f"ip address add {ADDRESS}/16 dev cni0",
        "ip link set cni0 up",
        "ip route add default dev cni0",
    ):
        subprocess.run(command.split(), check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", "ascii")
    # Answers of a service's pod go back the way they came, though both ends are on the bridge.
    Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text("1", "ascii")


@contextmanager
def real_nodes(cluster: ControlPlane, folder: Path, names: Sequence[str]) -> Iterator[list[Node]]:
    """Start nodes, services and names for a cluster, and wait until pods can be placed."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(_node(cluster, folder, name, number)) for number, name in enumerate(names)]
        (folder / "Corefile").write_text(_DNS.format(kubeconfig=cluster.kubeconfig), "utf-8")
        stack.enter_context(child_process([tool("coredns", _HOW), "-conf", str(folder / "Corefile")], folder))
        stack.enter_context(child_process(_proxy(cluster, names[0]), folder))
        for name in names:
            wait_for(partial(_ready, cluster, name), f"{name} to be ready", PATIENCE)
        yield nodes


@contextmanager
def _node(cluster: ControlPlane, folder: Path, name: str, number: int) -> Iterator[Node]:
    own = folder / name
    (own / "cni").mkdir(parents=True)
    (own / "containerd.toml").write_text(_CONTAINERD.format(folder=own), "utf-8")
    (own / "cni/pods.conflist").write_text(_network(folder / "addresses"), "utf-8")
    (own / "kubelet.yaml").write_text(_kubelet(name, number), "utf-8")
    kubelet = [tool("kubelet", _HOW), "--config", str(own / "kubelet.yaml"), "--kubeconfig", str(cluster.kubeconfig)]
    kubelet += ["--hostname-override", name, "--node-ip", ADDRESS]
    # All its processes are in a namespace of their own: they end with the first of them.
    inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _NODE, "node"]
    with _cgroups(name), child_process([*inside, str(own), *kubelet], own, signal.SIGKILL):
        yield Node(name, own)


@contextmanager
def _cgroups(name: str) -> Iterator[None]:
    top = Path("/sys/fs/cgroup")
    parents = [top] if (top / "cgroup.controllers").exists() else [path for path in top.iterdir() if path.is_dir()]
    groups = [parent.resolve() / name for parent in parents]
    for group in groups:
        group.mkdir(exist_ok=True)
    try:
        yield
    finally:
        for group in groups:
            wait_for(partial(_removed, group), f"{group} to be empty", PATIENCE)


def _removed(group: Path) -> bool | None:
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
    except OSError:  # processes that were killed have not all gone
        return None
    return True


def _network(addresses: Path) -> str:
    ipam = {
        "type": "host-local",
        "dataDir": str(addresses),
        "ranges": [[{"subnet": _PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": ipam}
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]})


def _kubelet(name: str, number: int) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{name}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "protectKernelDefaults": True,
            "makeIPTablesUtilChains": False,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "port": _KUBELET_PORT + number,
            "healthzPort": 0,
            "clusterDNS": [ADDRESS],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            # A disk that is fuller than a node's should be is no reason to delete images or pods here.
            "evictionHard": {"memory.available": "100Mi"},
            "imageGCHighThresholdPercent": 100,
        }
    )


def _proxy(cluster: ControlPlane, name: str) -> Sequence[str]:
    return [
        *(tool("kube-proxy", _HOW), "--kubeconfig", str(cluster.kubeconfig), "--hostname-override", name),
        *("--proxy-mode", "iptables", "--conntrack-max-per-core", "0", "--conntrack-min", "0"),
        *("--conntrack-tcp-timeout-established", "0s", "--conntrack-tcp-timeout-close-wait", "0s"),
    ]


def _ready(cluster: ControlPlane, name: str) -> bool | None:
    done = cluster.try_to("wait", "--for", "condition=Ready", f"node/{name}", "--timeout", "5s")
    return True if done.returncode == 0 else None
