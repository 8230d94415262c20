"""What `housing train` makes in this checkout: the champion that tests serve, and the graphs that they ask."""

import subprocess
import sys

import pytest

from running import ROOT
from sharing import made_once


def train_once(factory: pytest.TempPathFactory) -> None:
    """Train whatever is out of date, unless another process of the same run has; no two may train at the same time."""
    command = [sys.executable, "-m", "housing_cli", "train"]
    made_once(factory, "trained", lambda _: subprocess.run(command, cwd=ROOT, check=True))
