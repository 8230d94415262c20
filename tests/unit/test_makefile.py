"""What the Makefile removes, caches at once and other things only for one who confirms it; and what it imports."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from running import ROOT, tool

CACHES = ("dist/housing.binpb", ".mypy_cache/x", "server/housing_server/__pycache__/x.pyc")
KEPT = (
    "server/housing_server/limits.py",
    ".venv/bin/python",
    "data/raw/x.parquet",
    "training/models/x.onnx",
    "var/journal/x",
    "var/mlflow.db",
    "var/predictions.db",
)
SOURCES = "server/housing_server/limits.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with the Makefile and one file of each kind."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("protos", "client", "training", "monitoring", "benchmarks", "tests", "deploy"):
        (tmp_path / name).mkdir()
    for name in (*CACHES, *KEPT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def make(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make without a terminal."""
    command = [tool("make", "install make"), "-C", str(tree), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def left(tree: Path) -> set[str]:
    """The files that are still there."""
    return {name for name in (*CACHES, *KEPT) if (tree / name).exists()}


def test_clean_removes_nothing_that_takes_time_to_make(tree: Path) -> None:
    """Caches and what was built go; registry, journals, prediction log, models and environment stay."""
    assert make(tree, "clean").returncode == 0
    assert left(tree) == set(KEPT)


def test_distclean_asks_for_what_it_removes_by_name(tree: Path) -> None:
    """Without a terminal and a confirmation nothing is removed."""
    done = make(tree, "distclean")
    assert done.returncode != 0
    assert left(tree) == {*CACHES, *KEPT}
    for name in ("registry", "var/mlflow.db", "var/journal", "var/predictions.db", "CONFIRM=yes"):
        assert name in done.stdout + done.stderr


def test_distclean_leaves_the_sources(tree: Path) -> None:
    """Once confirmed, all that is not in git is removed."""
    assert make(tree, "distclean", "CONFIRM=yes").returncode == 0
    assert left(tree) == {SOURCES}


def test_modules_that_installation_imports_exist() -> None:
    """It imports them to compile them, and goes on without one that is missing."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", "")
    modules = re.findall(r"[\w.]+", " ".join(re.findall(r"^IMPORTS_OF_\w+ := (.*)$", text, re.MULTILINE)))
    assert len(modules) > 5
    assert [each for each in modules if find_spec(each) is None] == []
