"""`deploy/deploy.sh` over SSH, with stand-ins for SSH and Docker; `make containers` runs it with both of them."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from running import ROOT

SSH = """#!/bin/sh
cd "$MACHINE" && exec env -i PATH="$PATH" LOG="$LOG" sh -c "$2"
"""
"""A machine whose shell is no bash, and which knows no variable of the caller."""
DOCKER = """#!/bin/sh
tag=$(cat tag 2>/dev/null)
case $* in
"compose ps"*) [ -z "$tag" ] || echo an-id ;;
"compose up"*) echo "$HOUSING_TAG" >tag ;;
*.Config.Image*) echo "homes-server:$tag" ;;
*.State.Health*) [ "$tag" = broken ] || echo healthy ;;
*.RestartCount*) [ "$tag" = broken ] && echo 3 || echo 0 ;;
exec*) cat >/dev/null ;;
esac
echo "$* ${HOUSING_IMAGE_PREFIX-unset} ${COMPOSE_PROFILES-unset}" >>"$LOG"
"""
"""An engine on which an image `broken` ends by itself."""


@pytest.fixture(name="machine")
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `deploy.sh` finds by SSH as another machine's."""
    machine = tmp_path / "machine"
    for name, text in (("ssh", SSH), ("docker", DOCKER)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text, "utf-8")
        program.chmod(0o755)
    machine.mkdir()
    for name, value in {"MACHINE": str(machine), "LOG": str(tmp_path / "log")}.items():
        monkeypatch.setenv(name, value)
    for name in ("HOUSING_IMAGE_PREFIX", "COMPOSE_PROFILES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return machine / "california-housing"


def deploy(tag: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    command = [str(ROOT / "deploy/deploy.sh"), tag, "--host", "you@example.com"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_deployment_that_does_not_serve_is_undone_with_its_files(machine: Path) -> None:
    """The first one has nothing to go back to; later ones go back to what was there before."""
    for tag in ("1.0", "1.1"):
        assert deploy(tag).returncode == 0
        assert (machine / "tag").read_text("utf-8") == f"{tag}\n"
    compose = machine / "docker-compose.yml"
    assert compose.read_bytes() == (ROOT / "docker-compose.yml").read_bytes()
    compose.write_text("of the previous version", "utf-8")
    done = deploy("broken")
    assert done.returncode == 1
    assert "ends by itself" in done.stdout
    assert done.stdout.endswith("deploy: 1.1 serves again\n")
    assert (machine / "tag").read_text("utf-8") == "1.1\n"
    assert compose.read_text("utf-8") == "of the previous version"
    assert (machine / "deploy.log").read_text("utf-8") == done.stdout


@pytest.mark.parametrize("prefix", [None, "docker.io/it's you/homes-"])
def test_settings_of_the_machine_hold_unless_the_caller_has_others(
    machine: Path, prefix: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is passed on empty would hide the line in the machine's `.env`."""
    if prefix:
        monkeypatch.setenv("HOUSING_IMAGE_PREFIX", prefix)
        monkeypatch.setenv("COMPOSE_PROFILES", "full")
    assert deploy("1.0").returncode == 0
    pulled = next(
        line for line in (tmp_path / "log").read_text("utf-8").splitlines() if line.startswith("compose pull")
    )
    assert pulled == f"compose pull --quiet {prefix or 'unset'} {'full' if prefix else 'unset'}"
    assert machine.exists()


def test_one_deployment_runs_at_a_time(machine: Path) -> None:
    """Another one is refused, and changes nothing."""
    assert deploy("1.0").returncode == 0
    with (machine / ".deploying").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = deploy("1.1")
    assert done.returncode == 1
    assert "another deployment runs" in done.stderr
    assert (machine / "tag").read_text("utf-8") == "1.0\n"
