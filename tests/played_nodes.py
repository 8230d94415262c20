"""Nodes of a cluster that only report what a kubelet would: they are ready, and their pods run or have gone."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

_LOOK_SECONDS = 0.3
_ROOM = {"cpu": "32", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}
_STATUS = {"content-type": "application/merge-patch+json"}
_NOW = "2026-01-01T00:00:00Z"
"""Nobody looks at these times: the controllers are started with a patience of days."""


@contextmanager
def played_nodes(api: httpx.Client, names: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """Add nodes with labels to a cluster, and play them until the end of the block."""
    for name, labels in names.items():
        metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
        api.post("/api/v1/nodes", json=node).raise_for_status()
        status = {"conditions": [_condition("Ready")], "capacity": _ROOM, "allocatable": _ROOM}
        _report(api, f"/api/v1/nodes/{name}", status)
    over = threading.Event()
    player = threading.Thread(target=_play, args=(api, over))
    player.start()
    try:
        yield
    finally:
        over.set()
        player.join()


def _play(api: httpx.Client, over: threading.Event) -> None:
    while not over.wait(_LOOK_SECONDS):
        for pod in api.get("/api/v1/pods").raise_for_status().json()["items"]:
            if "nodeName" in pod["spec"]:
                _look_after(api, pod)


def _look_after(api: httpx.Client, pod: Mapping[str, Any]) -> None:
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    if "deletionTimestamp" in metadata:
        api.request("DELETE", path, json={"gracePeriodSeconds": 0})
    elif pod["status"]["phase"] == "Pending":
        phase = "Running" if pod["spec"]["restartPolicy"] == "Always" else "Succeeded"
        _report(api, path, {"phase": phase, "conditions": [_condition("Ready"), _condition("ContainersReady")]})


def _report(api: httpx.Client, path: str, status: Mapping[str, Any]) -> None:
    answer = api.patch(f"{path}/status", json={"status": dict(status)}, headers=_STATUS)
    if answer.status_code != httpx.codes.NOT_FOUND:  # a pod may have gone meanwhile
        answer.raise_for_status()


def _condition(name: str) -> Mapping[str, str]:
    return {"type": name, "status": "True", "lastTransitionTime": _NOW}
