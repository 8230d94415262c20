"""Whether training makes the same bytes on processors that NumPy and OpenBLAS run other code on."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("fingerprints.py")
OTHER_KERNELS = {"x86_64": "Haswell", "aarch64": "ARMV8"}
"""Kernels of OpenBLAS that any recent processor of a kind can run."""


def newer_features() -> list[str]:
    """List what this processor can do that NumPy uses if it is there, but for what all recent ones can do."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return [name for name in found if name != "X86_V3"]


def start(**environment: str) -> subprocess.Popen[str]:
    """Train in a process of its own under settings."""
    return subprocess.Popen([sys.executable, PROGRAM], env=os.environ | environment, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a training and return its hashes."""
    with process:
        output, _ = process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


@pytest.mark.external
def test_other_processors_train_the_same_models() -> None:
    """Without the newest vector instructions and with another's linear algebra, graphs are the same to the byte.

    The student, a network, is the same to a few percent: its own golden requests go with each model.
    """
    kernels, features = OTHER_KERNELS.get(platform.machine()), newer_features()
    if kernels is None or not features:
        pytest.skip("this processor cannot pass for another one")

    own, other = map(result, (start(), start(NPY_DISABLE_CPU_FEATURES=" ".join(features), OPENBLAS_CORETYPE=kernels)))

    assert other["hashes"] == own["hashes"]
    differences = np.abs(np.subtract(other["student"], own["student"])) / own["student"]
    assert np.median(differences) < 0.02
