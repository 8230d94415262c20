"""The docs name only what exists."""

import re
from pathlib import Path

import click
import pytest
from google.rpc.code_pb2 import Code
from pydantic_settings import BaseSettings

from housing.reasons import REASONS
from housing.roles import NAMES, role_of
from housing.routes import PAGES, ROUTES, methods_of
from housing.v1.annotations_pb2 import ROLE_ANYONE
from housing_cli.main import main
from housing_monitoring.settings import MonitorSettings
from housing_retraining.settings import RetrainingSettings
from housing_server.settings import GatewaySettings, ServerSettings
from metric_names import kinds_of_metrics
from running import ROOT

REFERENCE = (ROOT / "docs/reference.md").read_text("utf-8")
SETTINGS = "\n".join((ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("settings", "retraining"))
DECISIONS = sorted((ROOT / "docs/adr").glob("0*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data/README.md", *(ROOT / "docs").rglob("*.md")]


def settings_table(heading: str) -> dict[str, str]:
    """The table of settings after a sentence of the documents: the default by variable."""
    table = SETTINGS.partition(heading)[2].lstrip().partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {
        name: default
        for names, defaults, *_ in rows
        for name, default in zip(re.findall(r"`(\w+)`", names), defaults.split(", "), strict=True)
    }


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("`housing serve` reads:", ServerSettings),
        ("`housing gateway`:", GatewaySettings),
        ("and `housing monitor`:", MonitorSettings),
        ("`housing retrain` reads:", RetrainingSettings),
    ],
)
def test_settings_table_is_complete_and_true(heading: str, kind: type[BaseSettings]) -> None:
    """Every setting is in the documents, with its default."""
    documented = {name: default for name, default in settings_table(heading).items() if name.startswith("HOUSING_")}
    assert set(documented) == {f"HOUSING_{name.upper()}" for name in kind.model_fields}
    for name, field in kind.model_fields.items():
        if field.default_factory is None:
            assert documented[f"HOUSING_{name.upper()}"] == f"`{field.default}`"


def test_commands_exist() -> None:
    """Every `housing ...` command that a document shows is one."""
    known = set(main.list_commands(click.Context(main)))
    shown = {name for path in DOCUMENTS for name in re.findall(r"\bhousing ([a-z]+)\b(?=[` \n])", code(path))}
    assert {"serve", "gateway", "train", "predict", "model"} <= shown <= known


def test_make_targets_exist() -> None:
    """Every `make ...` that a document shows is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = {name for path in DOCUMENTS for name in re.findall(r"\bmake ([a-z-]+)\b", code(path))}
    assert {"up", "test", "lint"} <= shown <= targets


def code(path: Path) -> str:
    """What a document sets as shell code, in blocks or within a sentence."""
    found = re.findall(r"```sh\n(.*?)```|(`[^`\n]+`)", path.read_text("utf-8"), re.DOTALL)
    return "\n".join(block or inline for block, inline in found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Links into the repository end at files or folders."""
    for link in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", path.read_text("utf-8")):
        assert (path.parent / link).exists(), link


def test_table_of_routes_is_that_of_the_contract() -> None:
    """Every method is in docs/reference.md with its routes, and every page."""
    rows = re.findall(r"^\| (?:`(\w+Service/\w+)` )?\|(?: `(\w+ /\S*)`)? \| .+ \|$", REFERENCE, re.MULTILINE)
    routes = {f"{each.containing_service.name}/{each.name}": "" for each in methods_of()} | {
        f"{route.method.containing_service.name}/{route.method.name}": f"{route.verb} {route.path}" for route in ROUTES
    }
    assert {row for row in rows if any(row)} == {*routes.items(), *(("", f"GET {path}") for path in PAGES)}


def test_table_of_errors_is_that_of_the_contract() -> None:
    """Every reason is in docs/reference.md with its code and HTTP status, and no other is."""
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \| `([A-Z_]+)` \|(?: (\d+))? \| .+ \|$", REFERENCE, re.MULTILINE)
    documented = {(name, code, status) for names, code, status in rows for name in re.findall(r"\w+", names)}
    assert documented == {
        (reason.name, Code.Name(reason.code), str(reason.http_status or "")) for reason in REASONS.values()
    }


def test_table_of_roles_is_that_of_the_contract() -> None:
    """Every method is in docs/security.md, in the row of its role."""
    text = (ROOT / "docs/security.md").read_text("utf-8")
    rows = re.findall(r"^\| `(anyone|predict|operate|admin)` \| (.*)\|$", text, re.MULTILINE)
    documented = {method: role for role, methods in rows for method in re.findall(r"`(\w+/\w+)`", methods)}
    names = {**NAMES, ROLE_ANYONE: "anyone"}
    assert documented == {f"{each.containing_service.name}/{each.name}": names[role_of(each)] for each in methods_of()}


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name[:4])
def test_decision_has_status_date_and_alternatives(path: Path) -> None:
    """Each has the header and the sections that its table promises, and a row there."""
    text = path.read_text("utf-8")
    head = re.match(r"# (\d+)\. (.+)\n\n- Status: (accepted|replaced)\b.*\n- Date: (\d{4}-\d\d-\d\d)\n\n", text)
    assert head
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections in (
        ["Context", "Decision", "Alternatives", "Consequences"],
        ["Decision", "Why", "Alternatives", "Consequences"],
    )
    number, title, status, date = head.groups()
    assert int(path.name[:4]) == int(number)
    row = f"| [{number}]({path.name}) | {title} | {status} | {date} |"
    assert row in (path.parent / "README.md").read_text("utf-8").splitlines()


def test_table_of_metrics_is_complete(tmp_path: Path) -> None:
    """Every metric of service and monitor is in docs/metrics.md with its kind, and no other."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| .*\| .+ \|$", (ROOT / "docs/metrics.md").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(rows) == sorted(kinds_of_metrics(tmp_path))
