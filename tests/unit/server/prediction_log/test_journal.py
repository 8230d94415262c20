"""Journals: what is written outlives its writer, and what is finished is known as such."""

import errno
import itertools
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.journal import Journal
from housing_server.prediction_log.journal_files import JournalFile, journal_files
from housing_server.prediction_log.retry_pause import RETRY_SECONDS
from serving_fakes import answered

_WRITER = """
import os, signal, sys
sys.path.append("tests")
from pathlib import Path
from housing_server.prediction_log.journal import Journal
from serving_fakes import answered
journal = Journal(Path(sys.argv[1]), "worker-0")
journal.append(answered("id-1"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def read_all(folder: Path) -> list[bytes]:
    """All lines of all journals."""
    return [line for path in journal_files(folder) for line in JournalFile(path).read(1 << 20)]


def test_answer_that_was_appended_is_there_when_its_writer_is_killed(tmp_path: Path) -> None:
    """The file is then finished, too."""
    killed = subprocess.run([sys.executable, "-c", _WRITER, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (path,) = journal_files(tmp_path)
    assert b"id-1" in path.read_bytes()
    assert JournalFile(path).finished()


def test_file_is_finished_when_its_writer_closes_it(tmp_path: Path) -> None:
    """Not before."""
    journal = Journal(tmp_path, "worker-0")
    journal.append(answered("id-1"))
    (path,) = journal_files(tmp_path)
    assert not JournalFile(path).finished()
    journal.close()
    assert JournalFile(path).finished()


def test_writer_is_known_before_it_has_written_anything(tmp_path: Path) -> None:
    """Or a reader that waits for the last writer would leave too early."""
    journal = Journal(tmp_path, "worker-0").open()
    (path,) = journal_files(tmp_path)
    assert not JournalFile(path).finished()
    journal.close()
    assert (JournalFile(path).finished(), JournalFile(path).waiting_bytes) == (True, 0)


def test_full_file_is_followed_by_another(tmp_path: Path) -> None:
    """The oldest is listed first, and the last is still being written."""
    ticks = itertools.count(1)
    journal = Journal(tmp_path, "worker-0", max_file_bytes=1, now=lambda: next(ticks))
    for number in range(11):
        journal.append(answered(f"id-{number}"))
    assert [f"id-{number}".encode() in line for number, line in enumerate(read_all(tmp_path))] == [True] * 11
    assert [JournalFile(path).finished() for path in journal_files(tmp_path)] == [True] * 10 + [False]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """The time."""
        return self.seconds


class FullDisk:
    """A disk that takes a part of the next write and then nothing, until there is room again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._write = os.write
        self.attempts = 0
        self.room = 10
        monkeypatch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        """Write what there is room for."""
        self.attempts += 1
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(file, data[: self.room])
        self.room -= written
        return written


def test_disk_that_is_full_refuses_the_answer_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before stays whole, nothing is left of the answer, and all is well once there is room."""
    clock = Clock()
    journal = Journal(tmp_path, "worker-0", clock=clock.now)
    journal.append(answered("id-1"))
    disk = FullDisk(monkeypatch)
    with pytest.raises(PredictionLogUnavailable) as refusal:
        journal.append(answered("id-2"))
    assert "No space left" in refusal.value.cause
    assert str(tmp_path) in refusal.value.cause
    disk.room = 1 << 20
    clock.seconds += RETRY_SECONDS
    journal.append(answered("id-3"))
    text = b"".join(path.read_bytes() for path in journal_files(tmp_path))
    assert [b"id-1" in text, b"id-2" in text, b"id-3" in text] == [True, False, True]
    assert len(read_all(tmp_path)) == 2


def test_disk_that_stays_full_costs_one_attempt_a_second_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many answers are refused meanwhile, each with the reason."""
    clock = Clock()
    journal = Journal(tmp_path, "worker-0", clock=clock.now).open()
    disk = FullDisk(monkeypatch)
    disk.room = 0
    for _ in range(3):
        before = disk.attempts
        for _ in range(100):
            with pytest.raises(PredictionLogUnavailable, match="not available"):
                journal.append(answered("id-1"))
        assert disk.attempts == before + 1
        clock.seconds += RETRY_SECONDS
    assert not list(tmp_path.iterdir())


def test_journal_without_a_place_says_so_until_it_has_one(tmp_path: Path) -> None:
    """As when the state folder is read-only: the writer starts nevertheless, and goes on once that is mended."""
    clock, folder = Clock(), tmp_path / "journal"
    folder.write_text("a file where the folder should be")
    journal = Journal(folder, "worker-0", clock=clock.now).open()
    with pytest.raises(PredictionLogUnavailable) as refusal:
        journal.check()
    assert str(folder) in refusal.value.cause
    folder.unlink()
    clock.seconds += RETRY_SECONDS
    journal.probe()
    journal.check()
    journal.append(answered("id-1"))
    assert len(read_all(folder)) == 1


@pytest.mark.parametrize("fate", ["deleted", "moved"])
def test_answer_is_written_where_its_reader_looks(tmp_path: Path, fate: str) -> None:
    """A folder that was deleted or moved under the writer is made again for the very next answer."""
    folder = tmp_path / "journal"
    journal = Journal(folder, "worker-0")
    journal.append(answered("id-1"))
    if fate == "deleted":
        shutil.rmtree(folder)
    else:
        folder.rename(tmp_path / "elsewhere")
    journal.append(answered("id-2"))
    (line,) = read_all(folder)
    assert b"id-2" in line


def test_probe_begins_a_file_in_the_place_of_one_that_was_deleted(tmp_path: Path) -> None:
    """An idle writer stays known to readers."""
    journal = Journal(tmp_path, "worker-0").open()
    (path,) = journal_files(tmp_path)
    path.unlink()
    journal.probe()
    (following,) = journal_files(tmp_path)
    assert not JournalFile(following).finished()


def test_journals_are_private(tmp_path: Path) -> None:
    """They hold what people asked."""
    folder = tmp_path / "journal"
    Journal(folder, "worker-0").append(answered("id-1"))
    (path,) = journal_files(folder)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, path)] == [0o700, 0o600]
