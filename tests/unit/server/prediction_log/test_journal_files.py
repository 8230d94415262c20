"""Reading journals: whole lines only, each once, whatever is written or deleted meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from housing_server.prediction_log.journal import Journal
from housing_server.prediction_log.journal_files import JournalFile, journal_files
from serving_fakes import answered

LINES = 200_000
_APPENDER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for number in range(int(sys.argv[2])):
    os.write(file, b"%d " % number + b"x" * (100 + number % 700) + b"\\n")
"""


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
        file.drained += len(line)
    assert (file.read(1), file.waiting_bytes) == ([], 0)


def test_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    """It will be, once it is whole."""
    path = tmp_path / "worker-0.1.jsonl"
    path.write_bytes(b'{"ids":[]}\n{"ids":')
    assert JournalFile(path).read(1 << 20) == [b'{"ids":[]}\n']


def test_line_is_read_whole_however_many_pieces_it_is_written_in(tmp_path: Path) -> None:
    """A reader that looks after each byte sees nothing, and then the line."""
    path = tmp_path / "worker-0.1.jsonl"
    path.touch()
    reader = JournalFile(path)
    seen = []
    for byte in b'{"ids":[]}\n' * 2:
        with path.open("ab") as file:
            file.write(bytes([byte]))
        for line in reader.read(1 << 20):
            reader.drained += len(line)
            seen.append(line)
    assert seen == [b'{"ids":[]}\n'] * 2


def test_reader_that_races_a_writer_reads_every_line(tmp_path: Path) -> None:
    """Each once, whole and in order: a line that is read while it is written is read again."""
    path = tmp_path / "worker-0.1.jsonl"
    path.touch()
    reader, following = JournalFile(path), 0
    with subprocess.Popen([sys.executable, "-c", _APPENDER, str(path), str(LINES)]) as writer:
        while writer.poll() is None or reader.waiting_bytes:
            for line in reader.read(1 << 20):
                number, _, filling = line.partition(b" ")
                assert (int(number), len(filling)) == (following, 101 + following % 700)
                following += 1
                reader.drained += len(line)
    assert (writer.returncode, following) == (0, LINES)


def test_file_that_is_held_is_read_to_its_end_though_it_was_deleted(tmp_path: Path) -> None:
    """What was answered before the folder went is not lost with it."""
    journal = Journal(tmp_path, "worker-0")
    journal.append(answered("id-1"))
    (path,) = journal_files(tmp_path)
    reader = JournalFile(path)
    reader.hold()
    path.unlink()
    assert not reader.finished()
    assert b"id-1" in b"".join(reader.read(1 << 20))
    journal.close()
    assert (reader.finished(), reader.missing) == (True, False)


def test_file_that_was_deleted_unseen_is_gone(tmp_path: Path) -> None:
    """It holds nothing up."""
    reader = JournalFile(tmp_path / "worker-0.1.jsonl")
    assert (reader.read(1 << 20), reader.rest(), reader.waiting_bytes) == ([], b"", 0)
    assert (reader.finished(), reader.missing) == (True, True)


def test_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    """A missing folder is."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=os.strerror(20)):
        journal_files(tmp_path / "file")
    assert not journal_files(tmp_path / "missing")


def test_folder_holds_nobody_elses_files(tmp_path: Path) -> None:
    """Neither the lock nor what was set aside is taken for a journal."""
    for name in (".lock", "damaged.lines", "worker-0.new", "notes.jsonl"):
        (tmp_path / name).touch()
    assert not journal_files(tmp_path)
