"""What one process of a test run makes, and all of them use: made once, whichever of them needs it first."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` has filled, in this process or in another one of the same run.

    What is in it is for all: whoever wants to change it makes a copy. It is made under another name than it is kept
    by, so that nothing in it can rest on where it was made.
    """
    own = factory.getbasetemp()
    base = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept, scratch = base / f"shared-{name}", base / f"making-{name}"
    with (base / f"shared-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, however its process ends
        if not kept.exists():
            shutil.rmtree(scratch, ignore_errors=True)  # of a process that was interrupted
            scratch.mkdir()
            make(scratch)
            scratch.rename(kept)
    return kept
