"""Noticing that a folder's files are not what they were."""

import subprocess
from pathlib import Path

import pytest

from housing_server.model_store.checksums import FILE, is_whole, write_checksums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, and one in a folder inside, as they were fetched."""
    (tmp_path / "extra_files").mkdir()
    (tmp_path / "model.onnx").write_bytes(b"graph" * 1000)
    (tmp_path / "extra_files" / "golden requests.json").write_text("{}", "utf-8")
    write_checksums(tmp_path)
    return tmp_path


def test_folder_as_it_was_is_whole(folder: Path) -> None:
    """So it is with a file beside the others that came later."""
    (folder / "model.json").write_text("{}", "utf-8")
    assert is_whole(folder)


def test_file_that_was_truncated_is_noticed(folder: Path) -> None:
    """Half a graph is none."""
    with (folder / "model.onnx").open("r+b") as file:
        file.truncate(2500)
    assert not is_whole(folder)


def test_file_that_is_gone_is_noticed(folder: Path) -> None:
    """Also one in a folder inside."""
    (folder / "extra_files" / "golden requests.json").unlink()
    assert not is_whole(folder)


@pytest.mark.parametrize("text", [None, "", "no sums at all\n"], ids=["gone", "empty", "nonsense"])
def test_folder_without_sums_is_not_taken_for_whole(folder: Path, text: str | None) -> None:
    """What nobody can vouch for is fetched again."""
    (folder / FILE).unlink()
    if text is not None:
        (folder / FILE).write_text(text, "utf-8")
    assert not is_whole(folder)


def test_sums_are_what_the_usual_program_reads(folder: Path) -> None:
    """An operator can check them without us."""
    subprocess.run(["sha256sum", "--check", "--strict", FILE], cwd=folder, capture_output=True, check=True)
