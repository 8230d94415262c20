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
    """Add rows to the table; return the outcome of each."""
    cells = frame.astype(object).where(frame.notna(), None)
    with rows.arriving(source) as arrivals:
        return [arrivals.add({str(name): cell for name, cell in row.items()}) for row in cells.to_dict("records")]


def split(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the table of a work directory as the pipeline will."""
    return prepare(from_csv((folder / TABLE).read_bytes(), "version"), PREPARE)


def values(frame: pd.DataFrame) -> set[tuple[float, ...]]:
    """Name each row by what tells it from others."""
    return {tuple(row) for row in frame[["longitude", "latitude", "median_house_value"]].to_numpy().tolist()}


def test_without_new_rows_the_pipeline_gets_its_own_table(
    rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame
) -> None:
    """Row for row, so that a retraining without new data trains on, and is judged by, the very same rows."""
    version = write_version(rows, tmp_path / "work", PREPARE)
    for mine, expected in zip(split(tmp_path / "work"), prepare(block_groups.head(100), PREPARE), strict=True):
        pd.testing.assert_frame_equal(mine, expected)
    assert (version.rows, version.new_rows) == (100, 0)


def test_what_was_held_out_stays_held_out(rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame) -> None:
    """New rows are split like the others, and no model ever learns from a row that one was judged by."""
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


def test_which_rows_held_out_are_new_is_known_in_the_pipelines_order(
    rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame
) -> None:
    """The comparison looks at them apart."""
    arrive(rows, block_groups)
    write_version(rows, tmp_path / "work", PREPARE)
    held_out = split(tmp_path / "work")[1]
    known = values(block_groups.head(100))
    assert read_json(tmp_path / "work" / HELD_OUT) == [not values(held_out.iloc[[row]]) <= known for row in range(40)]


def test_rows_that_are_set_aside_spoil_no_later_table(
    rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame
) -> None:
    """What came later, and what was only tried, is in it."""
    arrive(rows, block_groups.iloc[100:150], "bad")
    refused = write_version(rows, tmp_path / "bad", PREPARE)
    arrive(rows, block_groups.iloc[150:160], "later")
    rows.settle("set_aside", up_to=refused.last_row)

    version = write_version(rows, tmp_path / "good", PREPARE)
    assert (version.rows, version.new_rows) == (110, 10)
    assert rows.sources("pending") == {"later": 10}
    assert rows.sources("set_aside") == {"bad": 50}


def test_rows_are_new_until_a_model_that_knows_them_is_promoted(
    rows: RowTable, tmp_path: Path, block_groups: pd.DataFrame
) -> None:
    """A refusal for want of improvement leaves them for the next retraining."""
    arrive(rows, block_groups.iloc[100:150])
    rows.settle("tried", up_to=150)
    assert rows.count("pending") == 0
    assert write_version(rows, tmp_path / "again", PREPARE).new_rows == 50
    rows.settle("used", up_to=150)
    assert write_version(rows, tmp_path / "then", PREPARE).new_rows == 0


def test_a_version_is_found_again_after_a_crash(rows: RowTable, tmp_path: Path) -> None:
    """But not one that was half written, or changed since."""
    work = tmp_path / "work"
    assert read_version(work) is None
    version = write_version(rows, work, PREPARE)
    assert read_version(work) == version
    (work / TABLE).write_text("something else")
    assert read_version(work) is None


def test_a_copy_of_a_row_is_known_for_what_it_is(rows: RowTable, block_groups: pd.DataFrame) -> None:
    """In single precision and without optional fields, too; another price for it is a contradiction."""
    numbers = [name for name in COLUMNS if name != "ocean_proximity"]
    copies = block_groups.head(3).astype(dict.fromkeys(numbers, "float32")).assign(total_bedrooms=None)
    assert arrive(rows, copies) == ["known"] * 3
    assert arrive(rows, block_groups.head(2).assign(median_house_value=1.0)) == ["contradicts"] * 2
    assert arrive(rows, pd.concat([block_groups.iloc[150:151]] * 2)) == ["new", "known"]


def test_an_error_leaves_nothing_of_a_file(rows: RowTable, block_groups: pd.DataFrame) -> None:
    """A file is taken whole or not at all."""
    broken = pd.concat([block_groups.iloc[150:151], block_groups.iloc[:1].assign(longitude=None)])
    with pytest.raises(TypeError):
        arrive(rows, broken)
    assert rows.count() == 100


def test_prices_do_not_identify_a_block_group() -> None:
    """And neither does the seventh digit of anything."""
    assert place_key([1.0, 2.00000001]) == place_key([1, 2])
    assert place_key([1.0, 2.0]) != place_key([1.0, 2.001])


def test_the_table_is_a_csv_like_any_other(rows: RowTable, tmp_path: Path) -> None:
    """What is missing is empty."""
    write_version(rows, tmp_path / "work", PREPARE)
    with (tmp_path / "work" / TABLE).open(newline="") as file:
        first = next(csv.DictReader(file))
    assert tuple(first) == COLUMNS
    assert first["ocean_proximity"] == ""
