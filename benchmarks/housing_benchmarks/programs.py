"""The programs of the benchmarks: finding them, and running one to completion."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from housing_benchmarks.errors import ProgramFailed, ProgramMissing

ROOT = Path(__file__).parents[2]
"""The repository."""

_LAST_LINES = 5
_GIT_SECONDS = 60.0


def find_program(name: str) -> str:
    """Return the path of a program, from `.tools/bin` or PATH.

    Raises:
        ProgramMissing: it is in neither.
    """
    found = shutil.which(name, path=f"{ROOT / '.tools/bin'}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise ProgramMissing(f"{name} is missing: run benchmarks/tools.sh, which says how to get it")
    return found


def run_program(
    command: Sequence[str | Path], *, seconds: float, environment: Mapping[str, str] | None = None, folder: Path = ROOT
) -> str:
    """Run a program to completion and return its standard output.

    Raises:
        ProgramFailed: it failed or exceeded `seconds`; the message has its last lines.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | dict(environment or {}),
            capture_output=True,
            check=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramFailed(f"{command[0]} did not end within {seconds:.0f} s") from error
    except subprocess.CalledProcessError as error:
        last = last_lines(error.stderr or error.stdout)
        raise ProgramFailed(f"{command[0]} ended with {error.returncode}: {last}") from error
    return done.stdout


def current_commit() -> str:
    """Return the server's commit; a plus sign marks uncommitted changes."""
    head = run_program(["git", "rev-parse", "--short", "HEAD"], seconds=_GIT_SECONDS).strip()
    changed = run_program(["git", "status", "--porcelain", "--", "protos", "server"], seconds=_GIT_SECONDS)
    return f"{head}+" if changed else head


def last_lines(text: str) -> str:
    """Return the last lines of a program's output, which usually explain its failure."""
    return " / ".join(line.strip() for line in text.strip().splitlines()[-_LAST_LINES:])
