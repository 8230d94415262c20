"""Whether training makes the same bytes on processors that NumPy and OpenBLAS run other code on."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("fingerprints.py")
OTHER_KERNELS = {"x86_64": "Haswell", "aarch64": "ARMV8"}
"""Kernels of OpenBLAS that any recent processor of a kind can run."""


def newer_features() -> list[str]:
    """List what this processor can do that NumPy uses if it is there, but for what all recent ones can do."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return [name for name in found if name != "X86_V3"]


def fingerprints(**environment: str) -> dict[str, str]:
    """Train in a process of its own under settings, and return the hashes of what was made by name."""
    result = subprocess.run(
        [sys.executable, PROGRAM], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(result.stdout)
    return found


@pytest.mark.external
def test_other_processors_train_the_same_models() -> None:
    """Without the newest vector instructions and with another's linear algebra, graphs are the same to the byte."""
    kernels, features = OTHER_KERNELS.get(platform.machine()), newer_features()
    if kernels is None or not features:
        pytest.skip("this processor cannot pass for another one")

    other = fingerprints(NPY_DISABLE_CPU_FEATURES=" ".join(features), OPENBLAS_CORETYPE=kernels)

    assert other == fingerprints()
