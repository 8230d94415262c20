"""The state of the service, as it is measured."""

import shutil
from pathlib import Path

import pytest

from housing_server.supervision.state import CpuWindow, ServiceState


class Clock:
    """A clock that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


def test_processor_use_is_that_of_whole_seconds() -> None:
    """A look in between, such as a worker's change causes, neither changes the figure nor moves the window."""
    clock = Clock()
    window = CpuWindow(clock)
    clock.seconds = 1.0
    assert window.cores(0.5) == 0.5
    for moment in (1.001, 1.002, 1.5):
        clock.seconds = moment
        assert window.cores(0.5 + moment) == 0.5
    clock.seconds = 2.0
    assert window.cores(2.5) == 2.0


def test_process_that_ended_shows_as_no_negative_use() -> None:
    """Its processor time leaves the sum."""
    clock = Clock()
    window = CpuWindow(clock)
    clock.seconds = 1.0
    window.cores(100.0)
    clock.seconds = 2.0
    assert window.cores(1.0) == 0.0


@pytest.mark.parametrize("deleted", ["state", "."])
def test_state_folder_that_is_gone_is_no_error(tmp_path: Path, deleted: str) -> None:
    """The disk that held it is measured."""
    folder = tmp_path / "service/state"
    folder.mkdir(parents=True)
    state = ServiceState([], folder)
    before = state.report().resources.disk_total_bytes
    shutil.rmtree(folder.parent / deleted)
    assert state.report().resources.disk_total_bytes == before > 0
