"""The wording of docstrings: they open with the field's verbs (see "Words" in CONTRIBUTING.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (
    "protos/housing",
    "server",
    "client",
    "training",
    "monitoring",
    "benchmarks",
    "deploy",
    "tests",
)
VAGUE_VERBS = frozenset({"Give", "Have", "Note", "Say", "Take", "Tell", "Word"})
"""Verbs that do not say what is done: return, load, record, parse, encode, raise ... do."""


def openings(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the first word of each docstring in a file, with its line."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            if text:
                yield text.split()[0], node.lineno


def test_docstrings_open_with_verbs_that_say_what_is_done() -> None:
    """Docstrings do not open with a vague verb."""
    files = (path for root in SOURCES for path in (ROOT / root).rglob("*.py"))
    vague = [
        f"{path.relative_to(ROOT)}:{line}" for path in files for word, line in openings(path) if word in VAGUE_VERBS
    ]
    assert vague == []
