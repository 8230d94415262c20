"""Who is told of an alert, and of which not, as Alertmanager's own tool reads the configuration."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from metric_names import rules
from running import ROOT, tool

FOLDER = ROOT / "monitoring/alertmanager"
CONFIG: dict[str, Any] = yaml.safe_load((FOLDER / "alertmanager.yml").read_text("utf-8"))
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def amtool(*arguments: str) -> str:
    """Run Alertmanager's own tool; return what it prints."""
    command = [tool("amtool", "apt-get install prometheus-alertmanager"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def run_start(folder: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """Run start.sh with a program in Alertmanager's place; return the configuration it was given, and the messages."""
    program = folder / "alertmanager"
    program.write_text('#!/bin/sh\ncat "${1#--config.file=}"; rm "${1#--config.file=}"; echo "# $2"\n', "utf-8")
    program.chmod(0o755)
    command = [str(FOLDER / "start.sh"), "--storage.path=/data"]
    path = f"{folder}:/usr/bin:/bin"
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": path, **environment})
    return done.stdout, done.stderr


@pytest.mark.external
def test_configuration_is_valid() -> None:
    """Alertmanager's own checker accepts the committed configuration."""
    assert "SUCCESS" in amtool("check-config", str(FOLDER / "alertmanager.yml"))


@pytest.mark.external
@pytest.mark.parametrize(("severity", "receiver"), [("critical", "pages"), ("warning", "tickets"), ("info", "notes")])
def test_severity_decides_who_is_told(severity: str, receiver: str) -> None:
    """Critical alerts page somebody, warnings do not, and the rest is for the record."""
    config = f"--config.file={FOLDER / 'alertmanager.yml'}"
    assert amtool("config", "routes", "test", config, f"severity={severity}").split() == [receiver]


def test_pages_are_sent_soonest() -> None:
    """Nobody waits longer for a page than for a ticket."""
    route = CONFIG["route"]
    page = next(each for each in route["routes"] if each["receiver"] == "pages")
    assert page["group_wait"] == "10s"
    assert route["group_wait"] == "30s"


def test_inhibitions_name_alerts_that_there_are() -> None:
    """What silences others, and what is silenced by name, exists."""
    for rule in CONFIG["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, _, value = matcher.replace("=~", "=").replace("!=", "=").partition("=")
            if label == "alertname":
                for name in value.strip('"').split("|"):
                    assert any(known.startswith(name.removesuffix(".+")) for known in ALERTS), name


def test_webhook_comes_from_a_file(tmp_path: Path) -> None:
    """The address in the file takes the placeholder's place, whatever characters it has, in every receiver."""
    secret = tmp_path / "webhook"
    secret.write_text("https://hooks.example.org/a?b=1&c=x|y\\z\n", "utf-8")
    text, messages = run_start(tmp_path, {"HOUSING_ALERT_WEBHOOK_FILE": str(secret)})
    config = yaml.safe_load(text)
    urls = [webhook["url"] for receiver in config["receivers"] for webhook in receiver["webhook_configs"]]
    assert urls == ["https://hooks.example.org/a?b=1&c=x|y\\z"] * 3
    assert text.endswith("# --storage.path=/data\n")
    assert not messages


@pytest.mark.parametrize("environment", [{}, {"HOUSING_ALERT_WEBHOOK_FILE": "/dev/null"}], ids=["unset", "empty"])
def test_without_a_webhook_it_starts_and_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    """Alerts can still be seen on Alertmanager's page."""
    text, messages = run_start(tmp_path, environment)
    assert yaml.safe_load(text) == CONFIG
    assert messages == "start.sh: HOUSING_ALERT_WEBHOOK_FILE names no address: nobody will be told of alerts\n"


@pytest.mark.parametrize("name", ["missing", "."], ids=["missing", "a folder"])
def test_webhook_file_that_cannot_be_read_stops_the_start(name: str, tmp_path: Path) -> None:
    """Alerts are not to be lost in silence because a secret was not mounted."""
    text, messages = run_start(tmp_path, {"HOUSING_ALERT_WEBHOOK_FILE": str(tmp_path / name)})
    assert not text
    assert messages.splitlines()[-1] == "start.sh: HOUSING_ALERT_WEBHOOK_FILE cannot be read: alerts would be lost"
