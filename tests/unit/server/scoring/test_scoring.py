"""Scoring of files: prices, bad rows, and runs that are stopped."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from arrow_memory import most_held, write_large_table
from housing.example import BERKELEY
from housing.features import COLUMNS
from housing.v1.model_service_pb2 import Model
from housing_server.core.model import Estimates, Intervals, Rows, given_labels
from housing_server.errors import ScoringError, UnreadableTable, UnwritableOutput
from housing_server.scoring.engine import LocalEngine
from housing_server.scoring.job import Job, Tally, identity
from housing_server.scoring.parts import PartialOutput
from housing_server.scoring.reading import open_source
from housing_server.scoring.scoring import BadRows, Scorer

HEADER = [*BERKELEY, "name"]


class IncomeModel:
    """A model whose price is 100,000 USD for each unit of income; it fails on some incomes."""

    description = Model(name="homes", version="7", run_id="abc")
    inline = True
    interval_coverage = 0.9
    warnings = ()

    def __init__(self) -> None:
        self.rows = 0
        """Rows it has seen."""
        self.fails_on = -1.0

    def estimate(self, rows: Rows) -> Estimates:
        """Estimate prices."""
        self.rows += len(rows)
        income = rows[:, COLUMNS["median_income"]]
        if (income == self.fails_on).any():
            raise ValueError("no such income")
        prices = 100_000 * income
        return Estimates(
            median_house_value=prices,
            ocean_proximity=given_labels(rows),
            interval=Intervals(bounds=np.column_stack([prices - 1, prices + 1]), upper_open=np.zeros(len(rows), bool)),
        )


@pytest.fixture
def model() -> IncomeModel:
    """A model."""
    return IncomeModel()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Two threads."""
    with ThreadPoolExecutor(2) as running:
        yield running


def row(income: object, **changed: object) -> list[str]:
    """Cells of a block group, and of a column that the contract does not know."""
    return [str(value) for value in {**BERKELEY, "median_income": income, **changed}.values()] + [f"no {income}"]


def write(path: Path, rows: list[list[str]]) -> str:
    """Write a CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return str(path)


def job(name: str, model: IncomeModel, pool: ThreadPoolExecutor, bad_rows: BadRows = BadRows.KEEP) -> Job:
    """A job that scores two rows at once."""
    left_out: list[str] = []
    return Job(
        source=open_source(name, io.BytesIO(), left_out.append),
        engine=LocalEngine(Scorer(model, pool, bad_rows)),
        chunk_rows=2,
        bad_rows=bad_rows,
        progress=lambda _: None,
    )


def score(name: str, output: Path, model: IncomeModel, pool: ThreadPoolExecutor, **options: BadRows) -> Tally:
    """Score a file into another."""
    return job(name, model, pool, **options).to_file(PartialOutput(output, identity(name)))


def read(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_gets_prices_and_keeps_its_columns(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """In order, over several chunks; nothing of the run is left beside it."""
    name = write(tmp_path / "in.csv", [row(income) for income in range(1, 6)])
    tally = score(name, tmp_path / "out.csv", model, pool)
    found = read(tmp_path / "out.csv")
    assert [each["name"] for each in found] == [f"no {income}" for income in range(1, 6)]
    assert [float(each["predicted_median_house_value"]) for each in found] == [1e5, 2e5, 3e5, 4e5, 5e5]
    assert (float(found[0]["interval_lower"]), float(found[0]["interval_upper"])) == (99_999, 100_001)
    assert {(each["model_name"], each["model_version"], each["error"]) for each in found} == {("homes", "7", "")}
    assert (tally.rows, tally.bad) == (5, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_parquet_is_scored_as_csv_is(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """Numbers of any width, labels as dictionaries, and missing values as nulls."""
    values = {key: [value, value, value] for key, value in BERKELEY.items()}
    table = pa.table(
        values | {"total_bedrooms": [129.0, None, float("nan")], "households": pa.array([126] * 3, pa.int32())}
    )
    labels = pa.array(["NEAR BAY", None, "INLAND"]).dictionary_encode()
    table = table.set_column(table.column_names.index("ocean_proximity"), "ocean_proximity", labels)
    pq.write_table(table, tmp_path / "in.parquet")
    assert score(str(tmp_path / "in.parquet"), tmp_path / "out.parquet", model, pool).bad == 0
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.num_rows == 3
    assert found["households"].type == pa.int32()
    assert found["predicted_median_house_value"].to_pylist() == pytest.approx([832_520.0] * 3)


BAD = [
    row(1),
    row(2, latitude="north"),
    row(3, latitude=""),
    row(4, ocean_proximity="LAKE"),
    row(5, total_bedrooms=900),
    row("1,5"),
    row("+6"),
    row(7, total_bedrooms="NA"),
]


def test_parquet_that_has_been_read_does_not_stay_in_memory(tmp_path: Path) -> None:
    """Memory is that of a few batches, however long the file is."""
    path = tmp_path / "large.parquet"
    write_large_table(path)
    source = open_source(str(path), io.BytesIO(), pytest.fail)
    assert most_held(source.batches) < path.stat().st_size / 2


def test_bad_rows_are_kept_with_what_is_wrong(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """And cost no other row its price."""
    tally = score(write(tmp_path / "in.csv", BAD), tmp_path / "out.csv", model, pool)
    found = read(tmp_path / "out.csv")
    assert [each["error"] for each in found] == [
        "",
        "latitude: is not an allowed value",
        "latitude: is missing",
        "ocean_proximity: is not an allowed value",
        "total_bedrooms: exceeds total_rooms",
        "median_income: is not an allowed value",
        "",
        "",
    ]
    assert [each["predicted_median_house_value"] != "" for each in found] == [not each["error"] for each in found]
    assert (tally.rows, tally.bad, tally.examples[0]) == (8, 5, "row 2: latitude: is not an allowed value")


def test_bad_rows_are_dropped(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """Where that is asked for; they are counted all the same."""
    tally = score(write(tmp_path / "in.csv", BAD), tmp_path / "out.csv", model, pool, bad_rows=BadRows.DROP)
    assert [each["name"] for each in read(tmp_path / "out.csv")] == ["no 1", "no +6", "no 7"]
    assert (tally.rows, tally.bad) == (8, 5)


def test_first_bad_row_ends_the_run(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """Where none may be; there is no output."""
    name = write(tmp_path / "in.csv", BAD)
    with pytest.raises(ScoringError, match="row 2: latitude"):
        score(name, tmp_path / "out.csv", model, pool, bad_rows=BadRows.FAIL)
    assert not (tmp_path / "out.csv").exists()


def test_row_that_the_model_fails_on_fails_alone(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """Its neighbours in the chunk have prices."""
    model.fails_on = 2.0
    score(write(tmp_path / "in.csv", [row(1), row(2), row(3)]), tmp_path / "out.csv", model, pool)
    first, second, third = read(tmp_path / "out.csv")
    assert (first["error"], third["error"]) == ("", "")
    assert second["error"].startswith("the model fails on this row: ValueError")


def test_stopped_run_goes_on_where_it_was(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """Finished chunks are not scored again, and the output is what one run would have made."""
    rows = [row(income) for income in range(1, 8)]
    name, output = write(tmp_path / "in.csv", rows), tmp_path / "out.csv"
    stopped = job(name, model, pool)

    def stop(tally: Tally) -> None:
        if tally.rows == 4:
            raise KeyboardInterrupt

    object.__setattr__(stopped, "progress", stop)
    with pytest.raises(KeyboardInterrupt):
        stopped.to_file(PartialOutput(output, identity(name)))
    assert not output.exists()
    model.rows = 0
    tally = score(name, output, model, pool)
    assert (model.rows, tally.resumed, tally.rows) == (3, 4, 7)
    assert [each["name"] for each in read(output)] == [cells[-1] for cells in rows]


def test_chunks_of_another_input_are_not_used(tmp_path: Path) -> None:
    """They are left alone, too, unless the run is to begin anew."""
    output = tmp_path / "out.csv"
    PartialOutput(output, {"input": "a"}).write(0, pa.table({"a": [1]}), {"rows": 1})
    with pytest.raises(UnwritableOutput, match="--restart"):
        PartialOutput(output, {"input": "b"})
    assert PartialOutput(output, {"input": "a"}).tally(0) == {"rows": 1}
    assert PartialOutput(output, {"input": "b"}, restart=True).tally(0) is None


def test_stream_is_scored_as_csv(model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """From standard input to standard output, with one header; lines of another length are reported and left out."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, row(1), row(2)[:5], row(3), row(4)])
    left_out: list[str] = []
    source = open_source("-", io.BytesIO(text.getvalue().encode()), left_out.append)
    engine = LocalEngine(Scorer(model, pool, BadRows.KEEP))
    output = io.BytesIO()
    streamed = Job(source=source, engine=engine, chunk_rows=2, bad_rows=BadRows.KEEP, progress=lambda _: None)
    assert streamed.to_stream(output).rows == 3
    found = list(csv.DictReader(io.StringIO(output.getvalue().decode())))
    assert [each["name"] for each in found] == ["no 1", "no 3", "no 4"]
    assert left_out[0].startswith("5 cells, where the header has 10")


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (HEADER[1:], "lacks the columns longitude"),
        ([*HEADER, "name"], "named name"),
        ([*HEADER[:-1], "error"], "result"),
    ],
)
def test_header_that_cannot_be_scored(
    header: list[str], error: str, tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor
) -> None:
    """Is refused before anything is written."""
    path = tmp_path / "in.csv"
    path.write_text(",".join(header) + "\n" + ",".join(["1"] * len(header)) + "\n", "utf-8")
    with pytest.raises(UnreadableTable, match=error):
        score(str(path), tmp_path / "out.csv", model, pool)


def test_empty_table_gives_a_header(tmp_path: Path, model: IncomeModel, pool: ThreadPoolExecutor) -> None:
    """And no rows."""
    score(write(tmp_path / "in.csv", []), tmp_path / "out.csv", model, pool)
    with (tmp_path / "out.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert (header[:2], rows) == (HEADER[:2], [])
