"""The pinned dependencies."""

import re
from pathlib import Path

import pytest

from running import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_python_gets_the_same_versions(lock: Path) -> None:
    """No package is pinned twice: another NumPy, SciPy or XGBoost would train another model."""
    pinned = re.findall(r"^([a-z0-9][\w.-]*)(?:\[.*\])?==", lock.read_text("utf-8"), re.MULTILINE)

    assert pinned
    assert len(pinned) == len(set(pinned))
