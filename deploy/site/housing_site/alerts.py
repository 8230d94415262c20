"""The alerts, from Prometheus' rules."""

from typing import Any

import yaml

from housing_site.places import ROOT

_HEAD = """# Alerts

Made from `monitoring/prometheus/rules`. Who receives which severity, and what to do about each alert, is in the
[runbook](../runbook.md).

| alert | severity | after | when |
| --- | --- | --- | --- |
"""


def alerts_page() -> str:
    """Return a table of all alerts."""
    return _HEAD + "\n".join(_row(rule) for rule in _rules() if "alert" in rule) + "\n"


def _rules() -> list[dict[str, Any]]:
    files = [
        yaml.safe_load(path.read_text("utf-8")) for path in sorted((ROOT / "monitoring/prometheus/rules").glob("*.yml"))
    ]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def _row(rule: dict[str, Any]) -> str:
    name = rule["alert"]
    expression = " ".join(rule["expr"].split()).replace("|", "&#124;")
    severity = rule["labels"]["severity"]
    link = f"[{name}](../runbook.md#{name.lower()})"
    return f"| {link} | {severity} | {rule.get('for', '')} | <code>{_plain(expression)}</code> |"


def _plain(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("*", "&#42;").replace("_", "&#95;")
