"""The pipeline's declared dependencies against what its stages really import."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from running import ROOT

PIPELINES = ("data/dvc.yaml", "training/dvc.yaml", "training/spatial_evaluation/dvc.yaml")
"""The files that declare stages."""
PACKAGES = {"housing_training": ROOT / "training", "housing": ROOT / "protos"}
"""Where our own packages that stages import lie."""
WITHOUT_EFFECT = re.compile(r".*/housing_training/errors\.py|.*/housing/v1/(?!block_group)\w+_pb2\.py")
"""Modules that change nothing that a stage makes: the wording of errors, and messages of calls, which the
contract's modules import too."""

STAGES = {
    name: {"file": file, **stage}
    for file in PIPELINES
    for name, stage in yaml.safe_load((ROOT / file).read_text("utf-8"))["stages"].items()
}


def find_module(name: str) -> Path | None:
    """Find the file of one of our modules; None for a package without code, or another's module."""
    package, *_ = name.split(".")
    if package not in PACKAGES:
        return None
    path = PACKAGES[package] / f"{name.replace('.', '/')}.py"
    return path if path.exists() else None


@cache
def imports_of(path: Path) -> frozenset[Path]:
    """List our modules that a file imports itself, at its top or anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {module for name in names if (module := find_module(name))}
    return frozenset(found)


def walk_imports(path: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield a file and all of our modules that it imports, directly or not, each once."""
    if path in seen:
        return
    seen.add(path)
    yield path
    for module in sorted(imports_of(path)):
        yield from walk_imports(module, seen)


def imported_by(stage: str) -> set[str]:
    """List the files, relative to the repository, of all code that a stage runs."""
    start = ROOT / f"training/housing_training/stages/{stage.replace('-', '_')}.py"
    paths = (str(path.relative_to(ROOT)) for path in walk_imports(start, set()))
    return {path for path in paths if not WITHOUT_EFFECT.fullmatch(path)}


@pytest.mark.parametrize("name", STAGES)
def test_stages_declare_the_code_that_they_run(name: str) -> None:
    """DVC runs a stage again when any module that it imports changes, and for no other module."""
    declared = {path for path in STAGES[name]["deps"] if path.endswith(".py")}

    assert declared == imported_by(name)


@pytest.mark.parametrize("name", ["fetch", "evaluate", "describe", "register"])
def test_stages_that_train_nothing_import_no_library_of_training(name: str) -> None:
    """They would wait seconds for what they do not use."""
    code = "".join((ROOT / path).read_text("utf-8") for path in imported_by(name))

    assert not re.findall(r"^\s*(?:from|import) (sklearn|xgboost|skl2onnx|onnxmltools|ndonnx)\b", code, re.MULTILINE)


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_are_listed_in_order(name: str) -> None:
    """Each file once, sorted, so that a diff shows what has changed."""
    assert STAGES[name]["deps"] == sorted(set(STAGES[name]["deps"]))


def test_packages_hold_no_code() -> None:
    """A package's own module is in no list of dependencies, so it may hold nothing but its docstring."""
    packages = sorted((ROOT / "training").rglob("__init__.py"))

    assert packages
    assert not [path for path in packages if len(ast.parse(path.read_text("utf-8")).body) > 1]


def test_only_what_is_the_same_everywhere_is_locked_in_git() -> None:
    """The locks of the tables and of the committed figures are in git; that of the models is not."""
    ignored = (ROOT / "training/.gitignore").read_text("utf-8").splitlines()

    assert "/dvc.lock" in ignored
    assert (ROOT / "data/dvc.lock").exists()
    assert (ROOT / "training/spatial_evaluation/dvc.lock").exists()
