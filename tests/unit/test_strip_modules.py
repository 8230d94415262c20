"""Compiled modules of the images: smaller, and what they were."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from running import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is about the images, and so about ELF")

strip: Callable[[Path], int] = runpy.run_path(str(ROOT / "deploy/scripts/strip_modules.py"))["strip"]


def test_stripped_module_works(tmp_path: Path) -> None:
    """It is imported from elsewhere, and runs."""
    package = shutil.copytree(Path(uvloop.__file__).parent, tmp_path / "uvloop")
    (module,) = package.glob("loop.*.so")
    size = module.stat().st_size
    saved = strip(module)
    assert saved > 0
    assert module.stat().st_size == size - saved
    assert strip(module) == 0
    program = "import asyncio, uvloop; print(uvloop.run(asyncio.sleep(0, uvloop.__file__)))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}
    )
    assert done.stdout.strip() == str(package / "__init__.py")


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x01\x01 of 32 bits", b"a text that is named like a module"])
def test_other_files_stay_as_they_are(content: bytes, tmp_path: Path) -> None:
    """Whatever their names are."""
    path = tmp_path / "some.so"
    path.write_bytes(content)
    assert strip(path) == 0
    assert path.read_bytes() == content
