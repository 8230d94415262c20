"""Schemas of Kubernetes and of the extensions used here, in the form that kubeconform reads.

The wheel `kubernetes-validate` holds those of Kubernetes, and the Go modules of the Gateway API and of the Prometheus
operator hold theirs; `make tools` installs all three.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from running import ROOT, missing, tool

VERSION = "1.34.0"
"""The oldest Kubernetes that the manifests are for."""

_WHEEL = ROOT / ".tools/kubernetes-validate/kubernetes_validate/kubernetes-json-schema"
_CRDS = {
    "sigs.k8s.io/gateway-api@v1.3.0": "config/crd/standard/gateway.networking.k8s.io_{}.yaml",
    "github.com/prometheus-operator/prometheus-operator@v0.82.0": "example/prometheus-operator-crd/{}.yaml",
}
_RESOURCES = {
    "sigs.k8s.io/gateway-api@v1.3.0": ("grpcroutes", "httproutes"),
    "github.com/prometheus-operator/prometheus-operator@v0.82.0": (
        "monitoring.coreos.com_prometheusrules",
        "monitoring.coreos.com_servicemonitors",
    ),
}


def write_schemas(folder: Path, kinds: set[tuple[str, str]]) -> str:
    """Write the schemas of some kinds, by `apiVersion` and `kind`, into a folder; return its pattern."""
    source = _WHEEL / f"v{VERSION}-local-strict"
    if not source.exists():
        missing("the schemas of Kubernetes are missing: make tools")
    definitions = json.loads((source / "_definitions.json").read_text("utf-8"))["$defs"]
    for version, kind in kinds:
        path = source / _name(version, kind)
        if path.exists():
            schema = json.loads(path.read_text("utf-8").replace("/api/_definitions.json#", "#"))
            local = json.loads(json.dumps(definitions).replace("/api/_definitions.json#", "#"))
            (folder / path.name).write_text(json.dumps({**schema, "$defs": local}), "utf-8")
    for path in crds():
        _write_crd(path, folder)
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def crds() -> Iterator[Path]:
    """Yield the files that define the extensions."""
    for module, pattern in _CRDS.items():
        for resource in _RESOURCES[module]:
            yield _module(module) / pattern.format(resource)


def _write_crd(path: Path, folder: Path) -> None:
    crd = yaml.safe_load(path.read_text("utf-8"))["spec"]
    for version in crd["versions"]:
        schema = _strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        name = _name(f"{crd['group']}/{version['name']}", crd["names"]["kind"])
        (folder / name).write_text(json.dumps(schema), "utf-8")


def _strict(schema: Any) -> Any:
    """Return a schema that refuses properties it does not name, as the API server drops them."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    if "properties" in strict and "additionalProperties" not in strict and isinstance(strict["properties"], dict):
        strict["additionalProperties"] = bool(strict.get("x-kubernetes-preserve-unknown-fields"))
    return strict


def _name(version: str, kind: str) -> str:
    group, _, number = version.rpartition("/")
    return "-".join(filter(None, (kind.lower(), group.partition(".")[0], number))) + ".json"


def _module(module: str) -> Path:
    done = subprocess.run(
        [tool("go", "install Go"), "mod", "download", "-json", module],
        check=False, capture_output=True, text=True, env=None,
    )  # fmt: skip
    if done.returncode:
        missing(f"{module} cannot be downloaded: {done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])
