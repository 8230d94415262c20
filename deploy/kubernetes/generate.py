"""Writes the alert and recording rules of monitoring/prometheus/rules as one PrometheusRule for Kubernetes.

Usage: python deploy/kubernetes/generate.py
"""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "monitoring/prometheus/rules"
OUTPUT = ROOT / "deploy/kubernetes/components/monitoring/rules.yaml"


def prometheus_rule(folder: Path = RULES) -> dict[str, Any]:
    """Return the rule files of a folder as one resource."""
    files = (yaml.safe_load(path.read_text("utf-8")) for path in sorted(folder.glob("*.yml")))
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "housing"},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }


def text() -> str:
    """Return the file's content."""
    head = "# Written by `make kubernetes` from monitoring/prometheus/rules: change those.\n"
    return head + yaml.safe_dump(prometheus_rule(), sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    OUTPUT.write_text(text(), "utf-8")
