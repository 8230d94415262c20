"""Alert rules: what they say, what they rest on, and that each has been seen to fire and not to fire."""

import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from metric_names import RULES, known_names, names_in, rules
from observability import hurried
from running import ROOT, tool

CASES = Path(__file__).parent / "alert_rules"
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDINGS: dict[str, str] = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Prometheus' own checker."""
    command = [tool("promtool", "apt-get install prometheus"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def cases() -> list[dict[str, Any]]:
    """Read all cases that the rules are held to."""
    return [case for path in CASES.glob("*.yml") for case in yaml.safe_load(path.read_text("utf-8"))["tests"]]


def measured_names(query: str) -> set[str]:
    """Name the metrics that a query rests on in the end, behind all recordings."""
    return {
        name
        for asked in names_in(query)
        for name in (measured_names(RECORDINGS[asked]) if asked in RECORDINGS else {asked})
    }


@pytest.fixture(scope="module", name="known")
def names_that_there_are(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all series that there can be."""
    return known_names(tmp_path_factory.mktemp("state"))


@pytest.mark.parametrize("name", ALERTS)
def test_alert_tells_who_is_paged_what_to_do(name: str) -> None:
    """Each alert has a severity that is routed, a summary, a description, and a section of the runbook."""
    assert ALERTS[name]["labels"]["severity"] in {"critical", "warning", "info"}
    notes = ALERTS[name]["annotations"]
    assert notes["summary"].endswith(".")
    assert notes["description"].endswith(".")
    assert notes["runbook_url"] == f"{{{{ $externalLabels.runbook }}}}#{name.lower()}"
    assert name in SECTIONS


@pytest.mark.parametrize("name", SECTIONS)
def test_runbook_section_is_of_an_alert_and_complete(name: str) -> None:
    """Each section says what an alert means, how to check, and what to do."""
    assert name in ALERTS
    parts = re.split(r"^\*\*(What it means|How to check|What to do)\.\*\* ", SECTIONS[name], flags=re.MULTILINE)
    assert parts[1::2] == ["What it means", "How to check", "What to do"]
    assert all(part.strip() for part in parts[2::2])


def test_links_within_the_runbook_lead_to_sections() -> None:
    """What one section refers to is there."""
    assert set(re.findall(r"\]\(#(\w+)\)", RUNBOOK)) <= {name.lower() for name in SECTIONS}


def test_runbook_asks_for_metrics_that_there_are(known: set[str]) -> None:
    """Metrics and alerts that the runbook names exist."""
    named = set(re.findall(r"\b(?:housing|grpc_server|envoy)_\w+\b(?=[`{\[( )])", RUNBOOK))
    assert {"housing_workers", "grpc_server_handled_total"} <= named
    assert named - {"housing_cli"} <= known
    assert set(re.findall(r"alertname=(\w+)", RUNBOOK)) <= set(ALERTS)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.get("alert") or rule["record"]))
def test_rule_asks_for_metrics_that_there_are(rule: dict[str, Any], known: set[str]) -> None:
    """Each rule is valid PromQL and rests only on metrics that there are."""
    names = names_in(rule["expr"])
    assert names
    assert names <= known


def test_all_rules_count_the_same_codes_as_faults() -> None:
    """One list of codes, wherever it stands: not the caller's mistakes, not refusals under overload."""
    lists = {
        matcher.value
        for rule in rules()
        for selector in selectors_of(rule["expr"])
        for matcher in selector.matchers.matchers
        if matcher.name == "grpc_code" and "|" in matcher.value
    }
    assert lists == {"UNKNOWN|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|DATA_LOSS"}


def selectors_of(query: str) -> list[promql_parser.VectorSelector]:
    """Find the selectors of a rule."""
    found: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(query), found.append)
    return [node for node in found if isinstance(node, promql_parser.VectorSelector)]


@pytest.mark.parametrize("name", ALERTS)
def test_alert_is_seen_to_fire_and_not_to_fire(name: str) -> None:
    """Each alert has a case in which it fires, and one in which it does not although what it looks at is there."""
    measured = measured_names(ALERTS[name]["expr"])
    seen = {True: False, False: False}
    for case in cases():
        present = {re.split(r"[{ ]", series["series"])[0] for series in case["input_series"]}
        for check in case.get("alert_rule_test", ()):
            if check["alertname"] == name and measured & present:
                seen[bool(check["exp_alerts"])] = True
    assert seen == {True: True, False: True}


@pytest.mark.external
@pytest.mark.parametrize("path", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path: Path) -> None:
    """Prometheus' own rule tester agrees with every case."""
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.external
def test_prometheus_accepts_the_rules() -> None:
    """Prometheus' own checker accepts rules and configuration, which loads all of them."""
    done = promtool("check", "config", str(RULES.parent / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == len(list(RULES.glob("*.yml")))


def test_hurried_rules_differ_in_durations_only() -> None:
    """What the end-to-end test runs asks the same questions, with the same thresholds, over shorter times."""
    assert hurried("for: 10m\nexpr: rate(calls[5m] offset 1h) > 5 # rate5m") == (
        "for: 10000ms\nexpr: rate(calls[5000ms] offset 60000ms) > 5 # rate5m"
    )
    for path in (*RULES.glob("*.yml"), ROOT / "monitoring/alertmanager/alertmanager.yml"):
        text = path.read_text("utf-8")
        before, after = (re.sub(r"\b\d+(ms|[smhd])\b", "T", each) for each in (text, hurried(text)))
        assert before == after
        assert text != hurried(text)
