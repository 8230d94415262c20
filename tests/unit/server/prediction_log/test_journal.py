"""Journals: what is written outlives its writer, and what is finished is known as such."""

import errno
import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.journal import Journal, JournalFile, journal_files
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


def test_reading_goes_on_where_it_was_taken_up_to(tmp_path: Path) -> None:
    """And at least one line is read, however long."""
    journal = Journal(tmp_path, "worker-0")
    for number in range(3):
        journal.append(answered(f"id-{number}"))
    (path,) = journal_files(tmp_path)
    file = JournalFile(path)
    for number in range(3):
        (line,) = file.read(1)
        assert f"id-{number}".encode() in line
        file.taken += len(line)
    assert (file.read(1), file.waiting_bytes) == ([], 0)


def test_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    """It will be, once it is whole."""
    path = tmp_path / "worker-0.1.jsonl"
    path.write_bytes(b'{"ids":[]}\n{"ids":')
    assert JournalFile(path).read(1 << 20) == [b'{"ids":[]}\n']


def test_disk_that_is_full_refuses_the_answer_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before stays whole, and what follows goes to another file."""
    journal = Journal(tmp_path, "worker-0")
    journal.append(answered("id-1"))
    write = os.write

    def write_a_part(file: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", refuse)
        return write(file, data[:10])

    def refuse(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", write_a_part)
    with pytest.raises(PredictionLogUnavailable) as refusal:
        journal.append(answered("id-2"))
    assert "No space left" in refusal.value.cause
    monkeypatch.setattr(os, "write", write)
    journal.append(answered("id-3"))
    lines = read_all(tmp_path)
    assert [b"id-1" in lines[0], b"id-3" in lines[1], len(lines)] == [True, True, 2]


def test_folder_holds_nobody_elses_files(tmp_path: Path) -> None:
    """Neither the lock nor what was set aside is taken for a journal."""
    for name in (".lock", "damaged.lines", "worker-0.new", "notes.jsonl"):
        (tmp_path / name).touch()
    assert not list(journal_files(tmp_path))
