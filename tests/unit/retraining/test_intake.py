"""What becomes of the files that people drop."""

import gzip
import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from arrow_memory import most_held, write_large_table
from housing_retraining.data_versions.base import open_rows
from housing_retraining.data_versions.row_table import RowTable
from housing_retraining.intake import report as reports
from housing_retraining.intake.bounded_lines import MAX_LINE_BYTES
from housing_retraining.intake.folders import Folders, IncomingFolder
from housing_retraining.intake.reading import ROWS_AT_ONCE, read_pieces
from housing_retraining.intake.report import ENDING, FileReport
from housing_retraining.intake.sifting import Limits
from housing_retraining.intake.taking import FileTaker
from housing_training.files import artifacts
from housing_training.params.schema import Params
from running import ROOT

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """The folders of files, empty."""
    made = Folders(incoming=tmp_path / "incoming", accepted=tmp_path / "accepted", rejected=tmp_path / "rejected")
    made.make()
    return made


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_groups: pd.DataFrame) -> RowTable:
    """All rows of a repository that was trained on the first 100 block groups."""
    monkeypatch.chdir(tmp_path)
    artifacts.write_table(block_groups.head(100), artifacts.RAW)
    return open_rows(tmp_path / "var", Params.read(ROOT / artifacts.PARAMS))


@pytest.fixture
def new(block_groups: pd.DataFrame) -> pd.DataFrame:
    """A hundred rows that are not in the table."""
    return block_groups.tail(100).reset_index(drop=True)


def drop(folders: Folders, name: str, table: pd.DataFrame) -> Path:
    """Write a table into the folder, in the format that its name implies."""
    path = folders.incoming / name
    if name.endswith(".parquet"):
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return path


def take(folders: Folders, rows: RowTable, path: Path, **limits: float) -> FileReport:
    """Read a file; check that it was moved unchanged, with its report, and that the counts add up."""
    content = path.read_bytes()
    allowed = Limits(max_rows=int(limits.get("max_rows", 1_000)), bad_share=limits.get("bad_share", 0.1))
    before = rows.count()
    found = FileTaker(folders, allowed).take(path, rows)
    folder = folders.accepted if found.result == "accepted" else folders.rejected
    (kept,) = (each for each in folder.iterdir() if not each.name.endswith(ENDING) and each.name.endswith(path.name))
    assert kept.read_bytes() == content
    assert not path.exists()
    assert json.loads(kept.with_name(kept.name + ENDING).read_text())["reason"] == found.reason
    assert rows.count() == before + found.new_rows
    return found


@pytest.mark.parametrize("name", ["new.csv", "new.csv.gz", "New.Parquet"])
def test_rows_of_every_file_format_are_accepted(folders: Folders, rows: RowTable, new: pd.DataFrame, name: str) -> None:
    """CSV, compressed or not, and Parquet yield the same rows."""
    path = drop(folders, name.lower(), new).rename(folders.incoming / name)
    found = take(folders, rows, path)
    assert (found.result, found.rows, found.new_rows, found.bad_rows) == ("accepted", 100, 100, 0)
    assert rows.sources("pending") == {name: 100}


def test_duplicate_rows_are_skipped(
    folders: Folders, rows: RowTable, new: pd.DataFrame, block_groups: pd.DataFrame
) -> None:
    """Duplicates of training rows, duplicates within a file, and the same file again."""
    doubled = pd.concat([block_groups, new])
    found = take(folders, rows, drop(folders, "all.csv", doubled))
    assert (found.new_rows, found.known_rows) == (100, 200)
    again = take(folders, rows, drop(folders, "again.csv", doubled))
    assert (again.result, again.new_rows, again.known_rows) == ("accepted", 0, 300)


@pytest.mark.parametrize(("name", "first"), [("some.csv", 2), ("some.parquet", 1)])
def test_invalid_rows_are_skipped_and_listed(
    folders: Folders, rows: RowTable, new: pd.DataFrame, name: str, first: int
) -> None:
    """By line of a CSV, whose header is line 1, or by row of Parquet, with the reason for each field."""
    new.loc[3, "latitude"], new.loc[7, "population"], new.loc[9, "total_bedrooms"] = 99, None, 40_000
    found = take(folders, rows, drop(folders, name, new))
    assert (found.result, found.new_rows, found.bad_rows) == ("accepted", 97, 3)
    assert [flaw.row for flaw in found.flaws] == [3 + first, 7 + first, 9 + first]
    assert "latitude = 99.0: must be within 32.5 to 42.0" in found.flaws[0].reason
    assert "population: is missing" in found.flaws[1].reason
    assert "must be no more than total_rooms" in found.flaws[2].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda new: new.head(0), "it has no rows"),
        (lambda new: new.rename(columns={"median_income": "MedInc"}), "required columns are missing: median_income"),
        (lambda new: new.assign(median_income=new["median_income"] * 10_000), "100 of 100 rows cannot be used"),
        (
            lambda new: new.assign(median_house_value=new["median_house_value"] / 1000),
            "is it in other units. USD are expected",
        ),
        (lambda new: new.assign(total_rooms=5, total_bedrooms=1), "Rooms of the block group, not of a household"),
        (lambda new: new.assign(median_income="a lot"), "100 of 100 rows cannot be used"),
        (lambda new: new.assign(latitude=None), "100 of 100 rows cannot be used"),
    ],
    ids=["empty", "other columns", "dollars", "thousands", "rooms of a household", "words", "nothing"],
)
def test_files_with_systematic_faults_are_rejected(
    folders: Folders, rows: RowTable, new: pd.DataFrame, change: Change, reason: str
) -> None:
    """With a reason that says what is wrong; none of their rows is accepted."""
    for name in ("odd.csv", "odd.parquet"):
        found = take(folders, rows, drop(folders, name, change(new)))
        assert found.result == "rejected"
        assert re.search(reason, found.reason), found.reason


def test_shifted_prices_of_known_rows_are_rejected(
    folders: Folders, rows: RowTable, block_groups: pd.DataFrame
) -> None:
    """The reason says by which factor."""
    shifted = block_groups.assign(median_house_value=block_groups["median_house_value"] * 1.5)
    found = take(folders, rows, drop(folders, "shifted.csv", shifted))
    assert found.result == "rejected"
    assert "100 of 200 rows give another price for a block group on record, in the middle 1.5 times" in found.reason
    assert found.flaws[0].row == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.csv", b"", "the file is empty"),
        ("none.parquet", b"", "0 bytes"),
        ("none.csv.gz", b"", "the file is empty"),
        ("garbage.csv", b"\x00\x01\x02" * 100, "is not UTF-8 text"),
        ("garbage.csv.gz", b"no gzip", "Not a gzipped file"),
        ("cut.csv.gz", gzip.compress(b"longitude," * 1000)[:-9], "the gzip file is damaged"),
        ("garbage.parquet", b"PAR1 or not", "arquet"),
        ("sheet.xlsx", b"PK\x03\x04", "only .csv, .csv.gz, .parquet are read"),
        ("sheet.csv", b"PK\x03\x04", "the file is a spreadsheet or a ZIP archive"),
        ("endless.csv", b"1" * (MAX_LINE_BYTES + 2), "a line is longer than 1,048,576 bytes"),
        ("endless.csv.gz", gzip.compress(b"1" * (MAX_LINE_BYTES + 2)), "a line is longer than 1,048,576 bytes"),
        ("wide.csv", b"longitude;latitude\n", "separated by semicolons"),
    ],
)
def test_files_that_are_not_tables_are_rejected(
    folders: Folders, rows: RowTable, name: str, content: bytes, reason: str
) -> None:
    """They are kept, with a reason."""
    path = folders.incoming / name
    path.write_bytes(content)
    found = take(folders, rows, path)
    assert found.result == "rejected"
    assert reason in found.reason


def test_file_beyond_the_row_limit_is_rejected(folders: Folders, rows: RowTable, new: pd.DataFrame) -> None:
    """Before it uses more memory or disk than the limit allows."""
    found = take(folders, rows, drop(folders, "large.csv", new), max_rows=150)
    assert found.reason == "the table would have more than 150 rows (HOUSING_RETRAINING_MAX_ROWS)"


def test_huge_files_are_rejected_early(folders: Folders, rows: RowTable, block_groups: pd.DataFrame) -> None:
    """Ten gigabytes without a newline, and endless copies of a known row, in the memory of one chunk."""
    holes, copies = folders.incoming / "holes.csv", folders.incoming / "copies.csv.gz"
    header, line, *_ = block_groups.to_csv(index=False).splitlines(keepends=True)
    with holes.open("w") as file:
        file.write(header)
        file.truncate(10 << 30)
    with gzip.open(copies, "wt", compresslevel=1) as packed:
        packed.writelines([header, line * 3 * ROWS_AT_ONCE])
    taker = FileTaker(folders, Limits(max_rows=1_000, bad_share=0.1))
    tracemalloc.start()
    found = [taker.take(path, rows) for path in (holes, copies)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [each.reason for each in found] == [
        "line 2: a line is longer than 1,048,576 bytes, so this is no table",
        "it has more than 1,000 rows (HOUSING_RETRAINING_MAX_ROWS)",
    ]
    assert (found[0].size_bytes, found[1].rows) == (10 << 30, ROWS_AT_ONCE)
    assert peak < 200 << 20


def test_report_lists_only_the_first_flaws(
    folders: Folders, rows: RowTable, new: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts all of them."""
    monkeypatch.setattr("housing_retraining.intake.sifting.FLAWS_LISTED", 10)
    found = take(folders, rows, drop(folders, "bad.csv", new.assign(latitude=0)))
    assert (found.bad_rows, len(found.flaws)) == (100, 10)
    assert reports.FLAWS_LISTED > 10


@pytest.mark.parametrize("name", ["long.csv", "long.parquet"])
def test_files_are_read_in_chunks(folders: Folders, new: pd.DataFrame, name: str) -> None:
    """Row numbers continue from one chunk to the next."""
    path = drop(folders, name, pd.concat([new] * (2 * ROWS_AT_ONCE // len(new) + 1)))
    pieces = list(read_pieces(path))
    assert [len(piece.table) for piece in pieces] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 100]
    first = 1 if name.endswith("parquet") else 2
    assert [piece.table.index[0] for piece in pieces] == [first, ROWS_AT_ONCE + first, 2 * ROWS_AT_ONCE + first]


def test_pieces_that_have_been_read_do_not_stay_in_memory(tmp_path: Path) -> None:
    """Nor do the bytes of the file that they were made from."""
    path = tmp_path / "large.parquet"
    write_large_table(path)
    assert most_held(read_pieces(path)) < path.stat().st_size / 2


def test_files_of_the_same_name_do_not_overwrite_each_other(
    folders: Folders, rows: RowTable, new: pd.DataFrame
) -> None:
    """Two of them that are moved within a second are both kept."""
    taker = FileTaker(folders, Limits(max_rows=1_000, bad_share=0.1))
    for part in (new.head(50), new.tail(50)):
        taker.take(drop(folders, "new.csv", part), rows)
    assert len([each for each in folders.accepted.iterdir() if each.name.endswith("new.csv")]) == 2
    assert rows.count("pending") == 100


def test_file_is_complete_once_it_stops_changing(tmp_path: Path) -> None:
    """A growing file is not read yet; hidden and partial files are never read."""
    now = [0.0]
    folder = IncomingFolder(tmp_path, settle_seconds=5, clock=lambda: now[0])
    growing, whole = tmp_path / "growing.csv", tmp_path / "whole.csv"
    for path in (growing, whole):
        path.write_text("1")
    for name in (".hidden.csv", "download.csv.part", "copy.TMP"):
        (tmp_path / name).write_text("1")
    (tmp_path / "folder.csv").mkdir()
    assert folder.complete() == []
    now[0] = 4.0
    growing.write_text("12")
    assert folder.complete() == []
    now[0] = 5.0
    assert folder.complete() == [whole]
    whole.unlink()
    now[0] = 9.0
    assert folder.complete() == [growing]
