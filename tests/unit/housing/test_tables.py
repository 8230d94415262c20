"""The one reader of CSV files: what it accepts, and how it says what it refuses."""

import io
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.cells import parse_number
from housing.tables import Column, Row, Table, TableError, chunks

ID = Column(name="id", kind="text", required=True)
ROOMS = Column(name="total_rooms", kind="number", required=True)
PLACE = Column(name="place", kind="text", required=False)
AGE = Column(name="age", kind="number", required=False)
COLUMNS = (ID, ROOMS, PLACE, AGE)


def read(content: str | bytes) -> list[Row]:
    """Read a file whole."""
    return list(Table(io.BytesIO(content.encode() if isinstance(content, str) else content), COLUMNS))


def values(content: str | bytes) -> list[Mapping[str, float | str | None]]:
    """Read the values of a file without flaws."""
    rows = read(content)
    assert not any(row.flaws for row in rows)
    return [row.values for row in rows]


def test_columns_come_in_any_order_and_others_are_kept() -> None:
    """Only what was asked for is judged; an optional column may be absent."""
    (row,) = read("total_rooms,note,id,\n 880 ,$5,a,7\n")
    assert row.values == {"id": "a", "total_rooms": 880.0}
    assert row.cells == ("880 ", "$5", "a", "7")


@pytest.mark.parametrize(
    "mark", ["", "  ", "NA", "NaN", "nan", "?", "null", "NULL", "None", "N/A", "n/a", "#N/A", "<NA>"]
)
def test_missing_marks_are_the_same_in_every_column(mark: str) -> None:
    """They leave an optional value out, and are refused where a value is required."""
    (row,) = values(f"id,total_rooms,place,age\na,1,{mark},{mark}\n")
    assert row == {"id": "a", "total_rooms": 1.0, "place": None, "age": None}
    (refused,) = read(f"id,total_rooms\n{mark or '?'},{mark}\n")
    assert [flaw.partition(" (")[0] for flaw in refused.flaws] == ["id: is missing", "total_rooms: is missing"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfid,total_rooms\na,1\n",
        b"id,total_rooms\r\na,1\r\n",
        b"id,total_rooms\ra,1\r",
        b"\n\nid,total_rooms\n\n \na,1",
        b'"id", "total_rooms"\n"a", "1"\n',
        b"id , total_rooms\n a , 1 \n",
        b"id,total_rooms\na,1,,\n",
        b"id,total_rooms,,\na,1,,\n",
        b"id,total_rooms\na,1e0\n",
    ],
    ids=["mark", "crlf", "cr", "blank lines", "quotes", "blanks", "blank cells", "unnamed columns", "exponent"],
)
def test_what_spreadsheets_and_programs_write_is_read(content: bytes) -> None:
    """All of these are the same table."""
    assert values(content) == [{"id": "a", "total_rooms": 1.0}]


@pytest.mark.parametrize(
    ("cells", "flaw"),
    [
        ("a,452,600", "the row has 3 cells, more than the header has columns (2): 600"),
        ("a", "the row ends after 1 of 2 columns"),
        ('a,"452,600"', "total_rooms: must be a plain number such as 1274.5, not '452,600'; write a decimal point"),
        ("a,$452600", "not '$452600'; leave out the currency"),
        ("a,1_274", "not '1_274'; leave out underscores"),
        ("a,1 274", "not '1 274'; leave out blanks"),
        ("a,1\u00a0274", "leave out blanks"),
        ("a,1'274", "leave out blanks and separators of thousands"),
        ("a,12%", "leave out the percent sign"),
        ("a,-inf", "it must be finite"),
        ("a,1e400", "which is too large"),
        ("a,0x10", "must be a plain number"),
        ("a,\u0663", "must be a plain number"),
        ("a,-", "must be a plain number"),
        ("a," + "9" * 1000, "9..."),
    ],
)
def test_cells_that_can_be_read_in_two_ways_are_refused(cells: str, flaw: str) -> None:
    """By line, column and what was expected; the rows around them are read."""
    before, refused, after = read(f"id,total_rooms\na,1\n{cells}\nb,2\n")
    assert (before.values["id"], after.values["id"]) == ("a", "b")
    assert (refused.line, refused.values) == (3, {})
    assert flaw in "; ".join(refused.flaws)
    assert len(refused.cells) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; its first line must name the columns id, total_rooms"),
        (
            b"id,age\n",
            "required columns are missing: total_rooms; the first line must name the columns, and is 'id, age'",
        ),
        (b"id,total_rooms,id\n", "line 1: columns are named twice: id (1 and 3)"),
        (b"id,total_rooms,x, x \n", "line 1: columns are named twice: x (3 and 4)"),
        (b"id,total_rooms,Age\n", "line 1: columns must be named exactly: age, not 'Age'"),
        (b"id,Total Rooms\n", "line 1: columns must be named exactly: total_rooms, not 'Total Rooms'"),
        (b"id;total_rooms\na;1\n", "line 1: the columns are separated by semicolons"),
        (b"id\ttotal_rooms\na\t1\n", "line 1: the columns are separated by tabs"),
        (b'"id"|"total_rooms"\n', "line 1: the columns are separated by vertical bars"),
        (b"\xff\xfei\0d\0", "the file is UTF-16 text: save it as UTF-8"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip"),
        (b"PK\x03\x04....", "a spreadsheet or a ZIP archive"),
        (b"PAR1....", "Parquet"),
        (b"id,total_rooms\na,1\nb\xfcr,2\n", "line 3, character 2: byte 0xfc is not UTF-8 text"),
        (b"id,total_rooms\na,\x001\n", "line 2, character 3: byte 0x00 is not UTF-8 text"),
        (b'id,total_rooms\na,1\n"b,2\nc,3\n', "line 3: a cell in double quotes begins here or below and never ends"),
        (b'id,total_rooms\n"a"b,1\n', "line 2: text follows the closing double quote"),
        (b"id,total_rooms\n" + b"a" * 200_000 + b",1\n", "line 2: field larger than field limit"),
    ],
)
def test_what_is_no_such_table_says_why(content: bytes, message: str) -> None:
    """With the line, and what is expected instead."""
    with pytest.raises(TableError) as raised:
        read(content)
    assert message in str(raised.value)


def test_lines_are_counted_where_rows_begin() -> None:
    """Through blank lines and cells that hold line breaks."""
    rows = read('id,total_rooms\n\n"a\nb",1\nc,2\n')
    assert [row.line for row in rows] == [3, 5]


def test_rows_before_an_error_are_read() -> None:
    """And the error comes after them."""
    table = Table(io.BytesIO(b"id,total_rooms\na,1\nb,2\nc,3\n\xff"), COLUMNS)
    found: list[list[object]] = []
    with pytest.raises(TableError, match="line 5"):
        found.extend([row.values["id"] for row in chunk] for chunk in chunks(table, 2))
    assert found == [["a", "b"], ["c"]]


@pytest.mark.parametrize(("size", "lengths"), [(1, [1, 1, 1]), (2, [2, 1]), (3, [3]), (9, [3])])
def test_chunks_hold_all_rows_and_none_is_empty(size: int, lengths: list[int]) -> None:
    """Whatever their size."""
    table = Table(io.BytesIO(b"id,total_rooms\na,1\nb,2\nc,3\n"), COLUMNS)
    assert [len(chunk) for chunk in chunks(table, size)] == lengths


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_python_writes_them(number: float) -> None:
    """Every finite one, to the last bit."""
    assert parse_number(repr(number)) == number


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reader(content: bytes) -> None:
    """Whatever it holds, it is read, or refused in words."""
    with suppress(TableError):
        assert all(bool(row.values) != bool(row.flaws) for row in read(b"id,total_rooms\n" + content))
