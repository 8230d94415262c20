"""The docs name only what exists."""

import re
from pathlib import Path

import click
import pytest
from pydantic_settings import BaseSettings

from housing.contract import SERVICES
from housing_cli.main import main
from housing_monitoring.settings import MonitorSettings
from housing_retraining.settings import RetrainingSettings
from housing_server.settings import GatewaySettings, ServerSettings
from running import ROOT

README = (ROOT / "README.md").read_text("utf-8")
RETRAINING = (ROOT / "docs/retraining.md").read_text("utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data/README.md", *(ROOT / "docs").rglob("*.md")]


def settings_table(heading: str) -> dict[str, str]:
    """The table of settings after a sentence of the README, or of its page on retraining: the default by variable."""
    table = f"{README}\n{RETRAINING}".partition(heading)[2].lstrip().partition("\n\n")[0]
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
    """Every setting is in the README, with its default."""
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


def test_services_in_the_route_table_exist() -> None:
    """The README's methods are the contract's."""
    short = {name.rpartition(".")[2] for name in SERVICES}
    assert set(re.findall(r"`(\w+Service)/\w+`", README)) == short
