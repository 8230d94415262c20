"""The workflows of CI and delivery: judged by the linters for them, and pinned."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from running import ROOT, tool

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


def load(name: str) -> dict[str, Any]:
    """Load a workflow."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return loaded


@pytest.mark.external
def test_actionlint_finds_nothing() -> None:
    """Expressions, contexts and types are right."""
    done = subprocess.run([tool("actionlint", "make tools")], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.external
def test_zizmor_finds_nothing() -> None:
    """No permission, expression or credential is open to misuse."""
    zizmor = ROOT / ".tools/zizmor/bin/zizmor"
    if not zizmor.exists():
        zizmor = tool("zizmor", "make tools")  # type: ignore[assignment]
    done = subprocess.run(
        [str(zizmor), "--offline", "--quiet", str(FOLDER)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_permissions_are_named(path: Any) -> None:
    """By the hash of a commit, with its tag in a comment."""
    text = path.read_text("utf-8")
    for reference in re.findall(r"uses: (.+)", text):
        pinned = re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", reference)
        assert pinned or reference.startswith("./.github/workflows/"), reference
    assert load(path.name)["permissions"] in ({}, {"contents": "read"})


def test_every_python_that_is_promised_is_tested() -> None:
    """Each of the classifiers is in the matrix."""
    matrix = load("ci.yml")["jobs"]["check"]["strategy"]["matrix"]["python"]
    classifiers = re.findall(r"Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(classifiers) <= set(matrix)


def test_environments_are_those_of_the_manifests() -> None:
    """What can be chosen has an overlay."""
    # YAML reads `on` as true.
    choices = load("deploy.yml")[True]["workflow_dispatch"]["inputs"]["environment"]["options"]  # type: ignore[index]
    assert {path.name for path in (ROOT / "deploy/kubernetes/overlays").iterdir()} == set(choices)


def test_release_notes_are_the_changelogs() -> None:
    """Of one release alone; a release that the changelog does not know is refused."""
    script = ROOT / "deploy/scripts/release_notes.sh"
    done = subprocess.run([str(script), "v0.1.0"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("## 0.1.0")
    assert done.stdout.count("\n## ") == 0
    assert subprocess.run([str(script), "v9.9.9"], check=False, capture_output=True).returncode == 1
