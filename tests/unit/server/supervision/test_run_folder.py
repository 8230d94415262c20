"""The folder of a run."""

import os
import socket
import stat
from pathlib import Path

import pytest

from housing_server.supervision.run_folder import run_folder


@pytest.fixture
def state_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with a short path: sockets' addresses are short."""
    folder = tmp_path_factory.mktemp("s")
    monkeypatch.setattr("housing_server.supervision.run_folder._ADDRESS_BYTES", len(os.fsencode(folder)) + 60)
    return folder


def test_it_lies_in_the_state_folder_for_its_owner_alone(state_dir: Path) -> None:
    """Where no cleaner of temporary files comes; it is removed at the end."""
    with run_folder(state_dir) as folder:
        assert folder.parent == state_dir / "run"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_state_folder_with_a_long_path_holds_no_sockets(tmp_path: Path) -> None:
    """Then it is a temporary folder, in which a socket can be bound."""
    with run_folder(tmp_path / ("long" * 30)) as folder, socket.socket(socket.AF_UNIX) as bound:
        assert not folder.is_relative_to(tmp_path)
        bound.bind(str(folder / "explainer.sock"))


def test_what_killed_runs_have_left_is_removed(state_dir: Path) -> None:
    """What runs is not touched."""
    left = state_dir / "run/housing-killed"
    left.mkdir(parents=True)
    (left / "lock").touch()
    with run_folder(state_dir) as running, run_folder(state_dir) as other:
        assert not left.exists()
        assert running.exists()
        assert running != other


def test_folder_that_is_deleted_meanwhile_is_no_error_at_the_end(state_dir: Path) -> None:
    """Somebody was quicker."""
    with run_folder(state_dir) as folder:
        (folder / "lock").unlink()
        folder.rmdir()
