"""The table of all rows, and which of them a retraining may learn from."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from housing_retraining.data_versions.base import open_rows
from housing_retraining.data_versions.places import place_key
from housing_retraining.data_versions.row_table import COLUMNS, RowTable
from housing_retraining.data_versions.version import HELD_OUT, TABLE, read_version, write_version
from housing_training.data.preparation import prepare
from housing_training.data.source import from_csv
from housing_training.files import artifacts
from housing_training.files.artifacts import read_json, write_table
from housing_training.params.schema import Params, PrepareParams
from running import ROOT

PREPARE = PrepareParams(test_size=0.2, seed=42)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_groups: pd.DataFrame) -> RowTable:
    """The table of all rows of a repository that was trained on the first 100 block groups."""
    monkeypatch.chdir(tmp_path)
    write_table(block_groups.head(100), artifacts.RAW)
    return open_rows(tmp_path / "var", Params.read(ROOT / artifacts.PARAMS))


def arrive(rows: RowTable, frame: pd.DataFrame, source: str = "a file") -> list[str]:
    """Add rows to the table; return the result of each."""
    cells = frame.astype(object).where(frame.notna(), None)
    with rows.arriving(source) as arrivals:
        return [arrivals.add({str(name): cell for name, cell in row.items()}) for row in cells.to_dict("records")]


def split(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the table of a work directory as the pipeline does."""
    return prepare(from_csv((folder / TABLE).read_bytes(), "version"), PREPARE)


def values(frame: pd.DataFrame) -> set[tuple[float, ...]]:
    """Return a key for each row."""
    return {tuple(row) for row in frame[["longitude", "latitude", "median_house_value"]].to_numpy().tolist()}


def test_version_without_new_rows_equals_the_training_table(
    rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame
) -> None:
    """Row for row: a retraining without new data trains and tests on the same rows."""
    version = write_version(rows, tmp_path / "work", PREPARE)
    for mine, expected in zip(split(tmp_path / "work"), prepare(block_groups.head(100), PREPARE), strict=True):
        pd.testing.assert_frame_equal(mine, expected)
    assert (version.rows, version.new_rows) == (100, 0)


def test_held_out_rows_stay_held_out(rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame) -> None:
    """New rows are split as well, and no model trains on a row that another was tested on."""
    trained, held_out = split_of(rows, tmp_path / "first")
    for count in (101, 137, 138, 200):
        arrive(rows, block_groups.iloc[:count])
        more_trained, more_held_out = split_of(rows, tmp_path / str(count))
        assert values(trained) <= values(more_trained)
        assert values(held_out) <= values(more_held_out)
        assert len(more_trained) + len(more_held_out) == count
        trained, held_out = more_trained, more_held_out
    assert len(held_out) == 40


def split_of(rows: RowTable, work: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write a version and split it."""
    write_version(rows, work, PREPARE)
    return split(work)


def test_new_rows_among_the_held_out_are_marked_in_order(
    rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame
) -> None:
    """The comparison evaluates them separately."""
    arrive(rows, block_groups)
    write_version(rows, tmp_path / "work", PREPARE)
    held_out = split(tmp_path / "work")[1]
    known = values(block_groups.head(100))
    assert read_json(tmp_path / "work" / HELD_OUT) == [not values(held_out.iloc[[row]]) <= known for row in range(40)]


def test_rows_set_aside_are_not_in_later_tables(rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame) -> None:
    """Later rows are, and so are rows that were only tried."""
    arrive(rows, block_groups.iloc[100:150], "bad")
    refused = write_version(rows, tmp_path / "bad", PREPARE)
    arrive(rows, block_groups.iloc[150:160], "later")
    rows.settle("set_aside", up_to=refused.last_row)

    version = write_version(rows, tmp_path / "good", PREPARE)
    assert (version.rows, version.new_rows) == (110, 10)
    assert rows.sources("pending") == {"later": 10}
    assert rows.sources("set_aside") == {"bad": 50}


def test_rows_are_new_until_a_model_trained_on_them_is_promoted(
    rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame
) -> None:
    """After a refusal for lack of improvement they stay new for the next retraining."""
    arrive(rows, block_groups.iloc[100:150])
    rows.settle("tried", up_to=150)
    assert rows.count("pending") == 0
    assert write_version(rows, tmp_path / "again", PREPARE).new_rows == 50
    rows.settle("used", up_to=150)
    assert write_version(rows, tmp_path / "then", PREPARE).new_rows == 0


def test_version_is_read_again_after_a_crash(rows: RowTable, tmp_path: Path) -> None:
    """Unless it is incomplete or has been changed."""
    work = tmp_path / "work"
    assert read_version(work) is None
    version = write_version(rows, work, PREPARE)
    assert read_version(work) == version
    (work / TABLE).write_text("something else")
    assert read_version(work) is None


def test_copies_of_rows_are_recognized(rows: RowTable, block_groups: pd.DataFrame) -> None:
    """Also in single precision and without optional fields; with another price it is a contradiction."""
    numbers = [name for name in COLUMNS if name != "ocean_proximity"]
    copies = block_groups.head(3).astype(dict.fromkeys(numbers, "float32")).assign(total_bedrooms=None)
    assert arrive(rows, copies) == ["known"] * 3
    assert arrive(rows, block_groups.head(2).assign(median_house_value=1.0)) == ["contradicts"] * 2
    assert arrive(rows, pd.concat([block_groups.iloc[150:151]] * 2)) == ["new", "known"]


def test_failed_file_adds_no_rows(rows: RowTable, block_groups: pd.DataFrame) -> None:
    """A file is accepted completely or not at all."""
    broken = pd.concat([block_groups.iloc[150:151], block_groups.iloc[:1].assign(longitude=None)])
    with pytest.raises(TypeError):
        arrive(rows, broken)
    assert rows.count() == 100


def test_price_is_not_part_of_the_key() -> None:
    """Neither is the seventh digit of any field."""
    assert place_key([1.0, 2.00000001]) == place_key([1, 2])
    assert place_key([1.0, 2.0]) != place_key([1.0, 2.001])


def test_table_is_written_as_csv(rows: RowTable, tmp_path: Path) -> None:
    """With empty cells for missing values."""
    write_version(rows, tmp_path / "work", PREPARE)
    with (tmp_path / "work" / TABLE).open(newline="") as file:
        first = next(csv.DictReader(file))
    assert tuple(first) == COLUMNS
    assert first["ocean_proximity"] == ""
