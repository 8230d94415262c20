"""`housing predict --input`: a CSV file in, the same rows with predictions or errors out."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from google.rpc import code_pb2

from housing_cli.commands.files import Output
from housing_cli.main import main
from housing_cli.tables import RESULT_COLUMNS
from unit.client.fake_prediction_service import BERKELEY, FakePredictionService, failed


def _table(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _flags() -> list[str]:
    return [part for name, value in BERKELEY.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def _predict(target: str, text: str | bytes, *options: str) -> Result:
    """Send a file through stdin."""
    result = CliRunner().invoke(main, ["predict", "--target", target, "--input", "-", *options], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_every_row_comes_back_with_its_prediction(target: str) -> None:
    """Rows keep their order and their other columns; more than one chunk is asked for."""
    given = [BERKELEY | {"population": float(n), "comment": f'no. "{n}", ü'} for n in range(1, 2501)]
    result = _predict(target, _table(given))
    assert result.exit_code == 0
    rows = _rows(result.stdout)
    assert [row["comment"] for row in rows] == [row["comment"] for row in given]
    assert [row["prediction_id"] for row in rows] == [f"id-{n}" for n in range(1, 2501)]
    assert {row["predicted_median_house_value"] for row in rows} == {"83252.0"}
    assert {row["error"] for row in rows} == {""}
    assert "2,500 rows: 2,500 predicted, 0 refused" in result.stderr


def test_the_public_dataset_is_read_as_it_is(target: str) -> None:
    """Empty bedrooms are left out, and the true price is kept beside the predicted one."""
    given = BERKELEY | {"total_bedrooms": "", "median_house_value": "452600.0"}
    result = _predict(target, _table([given]))
    assert result.exit_code == 0
    (row,) = _rows(result.stdout)
    assert row["total_bedrooms"] == ""
    assert row["median_house_value"] == "452600.0"
    assert row["predicted_median_house_value"] == "83252.0"


def test_bad_rows_are_written_with_their_error_and_the_rest_is_predicted(target: str) -> None:
    """No row is lost, each refusal names line, field and reason, and the exit code says that there were some."""
    given = [BERKELEY, BERKELEY | {"longitude": 10.0}, BERKELEY | {"households": "many"}, BERKELEY]
    result = _predict(target, _table(given))
    assert result.exit_code == 1
    rows = _rows(result.stdout)
    assert [bool(row["prediction_id"]) for row in rows] == [True, False, False, True]
    assert rows[1]["error"] == "longitude: must be less (double.lte)"
    assert rows[2]["error"].startswith("households: must be a plain number")
    assert "line 3: longitude: must be less (double.lte)" in result.stderr
    assert "line 4: households: must be a plain number" in result.stderr
    assert "4 rows: 2 predicted, 2 refused" in result.stderr


def test_many_refusals_are_counted_and_not_all_shown(target: str) -> None:
    """The terminal gets the first ten."""
    result = _predict(target, _table([BERKELEY | {"longitude": 10.0}] * 30))
    assert result.stderr.count("must be less") == 10
    assert "and 20 more rows were refused" in result.stderr


def test_ragged_rows_are_refused_and_lose_nothing(target: str) -> None:
    """A short row may have been torn in the middle of a number; surplus cells are in the error of their row."""
    header, whole = _table([BERKELEY]).splitlines()
    short = whole.rpartition(",")[0]
    result = _predict(target, "\n".join([header, short, whole + ",extra,cells", whole + ",", ""]))
    assert result.exit_code == 1
    first, second, third = _rows(result.stdout)
    assert first["median_income"] == "8.3252"
    assert "the row ends after 8 of 9 columns" in first["error"]
    assert "more than the header has columns (9): extra, cells" in second["error"]
    assert third["prediction_id"]


def test_interval_is_written(target: str) -> None:
    """Its bounds, its coverage, and whether the true price may lie above it; empty where the model has none."""
    east, *others = [BERKELEY | {"longitude": 10.0}, BERKELEY]
    (whole,) = _rows(_predict(target, _table(others)).stdout)
    # A bad row makes the command ask row by row.
    _, priced = _rows(_predict(target, _table([east, *others])).stdout)
    for row in (whole, priced):
        assert (row["interval_lower"], row["interval_upper"]) == ("70000.0", "500001.0")
        assert (row["interval_coverage"], row["interval_upper_open"]) == ("0.9", "true")


@pytest.mark.parametrize("text", ["NaN", "inf", "1_274", "1,274", "$880", "880 rooms", "1e999", "8 80", "\u0661"])
def test_what_is_no_plain_number_is_refused_in_its_row(target: str, text: str) -> None:
    """It is never read as another number, and never goes out as a missing one."""
    result = _predict(target, _table([BERKELEY | {"total_rooms": text}, BERKELEY]))
    assert result.exit_code == 1
    refused, predicted = _rows(result.stdout)
    assert refused["error"].startswith("total_rooms: ")
    assert refused["total_rooms"] == text
    assert predicted["prediction_id"]


def test_marks_blanks_and_empty_lines_of_spreadsheets_are_read(target: str) -> None:
    """A byte order mark, spaces around cells, CRLF and empty lines are no errors."""
    header, row = _table([BERKELEY]).splitlines()
    text = "\ufeff" + header.replace(",", ", ") + "\r\n\r\n" + row.replace(",", ", ") + "\r\n\r\n"
    result = _predict(target, text.encode())
    assert result.exit_code == 0
    assert len(_rows(result.stdout)) == 1


def test_rows_can_be_written_as_json(target: str) -> None:
    """One object a line, with the columns of the CSV."""
    result = _predict(target, _table([BERKELEY, BERKELEY]), "--json")
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == second
    assert first["predicted_median_house_value"] == 83_252.0
    assert set(first) == {*BERKELEY, *RESULT_COLUMNS}


def test_json_has_the_types_of_the_contract(target: str) -> None:
    """Numbers are numbers, what is missing is null, and what the contract does not know stays text."""
    given = BERKELEY | {"total_bedrooms": "NA", "median_house_value": "452600", "zip": "01234", "note": ""}
    row = json.loads(_predict(target, _table([given]), "--json").stdout)
    assert row["longitude"] == -122.23
    assert row["total_bedrooms"] is None
    assert row["median_house_value"] == 452_600
    assert (row["zip"], row["note"], row["error"]) == ("01234", None, None)
    assert row["interval_upper_open"] is True
    (bad,) = map(
        json.loads, _predict(target, _table([BERKELEY | {"population": "many"}]), "--json").stdout.splitlines()
    )
    assert bad["population"] == "many"
    assert bad["prediction_id"] is None


def test_files_are_named_by_path(target: str, tmp_path: Path) -> None:
    """The result goes to --output, and nothing of it to stdout."""
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(_table([BERKELEY] * 3))
    arguments = ["predict", "--target", target, "--input", str(source), "--output", str(destination)]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert len(_rows(destination.read_text())) == 3


def test_a_header_without_rows_gives_a_header(target: str) -> None:
    """An empty table has an empty answer."""
    result = _predict(target, _table([BERKELEY]).splitlines()[0])
    assert result.exit_code == 0
    assert result.stdout.strip().split(",") == [*BERKELEY, *RESULT_COLUMNS]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; its first line must name the columns longitude, latitude"),
        ("longitude,latitude\n1,2\n", "missing: housing_median_age, total_rooms, population"),
        (_table([BERKELEY]).replace("ocean_proximity", "latitude"), "columns are named twice: latitude (2 and 9)"),
        (_table([BERKELEY | {"error": ""}]), "the names of result columns: error"),
    ],
    ids=["empty", "columns missing", "column twice", "column of the result"],
)
def test_a_file_that_is_no_table_of_block_groups_is_refused_whole(target: str, text: str, message: str) -> None:
    """One line says why, with exit code 2, before anything is asked."""
    result = _predict(target, text)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_a_file_that_is_not_text_is_refused(target: str) -> None:
    """One line says so, with exit code 2."""
    result = _predict(target, b"longitude\xfc,latitude")
    assert result.exit_code == 2
    assert "stdin: line 1, character 10: byte 0xfc is not UTF-8 text" in result.stderr


def test_a_file_that_breaks_off_keeps_the_rows_before(target: str) -> None:
    """What was read whole is answered and written, and the exit code is 1."""
    result = _predict(target, _table([BERKELEY] * 2500).encode() + b"\xff\xfe\x00")
    assert result.exit_code == 1
    assert "line 2502, character 1: byte 0xff is not UTF-8 text" in result.stderr
    assert len(_rows(result.stdout)) == 2500


def test_a_failing_service_keeps_the_rows_before_and_says_so(target: str, service: FakePredictionService) -> None:
    """What was answered is written, and the exit code is 1."""
    service.stream_ends_after = 2
    result = _predict(target, _table([BERKELEY, BERKELEY, BERKELEY | {"longitude": 10.0}]))
    assert result.exit_code == 1
    assert len(_rows(result.stdout)) == 2
    assert "2 rows: 2 predicted" in result.stderr
    assert "ended the stream" in result.stderr


def test_an_earlier_result_survives_a_service_that_does_not_answer(
    target: str, service: FakePredictionService, tmp_path: Path
) -> None:
    """The output is replaced when there is a whole one, and nothing else is left."""
    service.failures = [failed(code_pb2.INTERNAL, "broken")]
    destination = tmp_path / "out.csv"
    destination.write_text("precious")
    assert _predict(target, _table([BERKELEY]), "--output", str(destination)).exit_code == 1
    assert destination.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [destination]


def test_what_was_predicted_before_a_failure_is_kept_under_another_name(
    target: str, service: FakePredictionService, tmp_path: Path
) -> None:
    """A part never looks like the whole, and stderr says where it is."""
    service.stream_ends_after = 2
    destination = tmp_path / "out.csv"
    text = _table([BERKELEY, BERKELEY, BERKELEY | {"longitude": 10.0}])
    result = _predict(target, text, "--output", str(destination))
    assert result.exit_code == 1
    assert not destination.exists()
    assert len(_rows(tmp_path.joinpath("out.csv.part").read_text())) == 2
    assert "out.csv.part" in result.stderr


def test_ctrl_c_leaves_a_part_that_does_not_look_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rows so far are in another file; a link to the result stays a link, and an earlier result stays."""
    real, link = tmp_path / "real.csv", tmp_path / "out.csv"
    real.write_text("precious")
    link.symlink_to(real)

    def interrupted() -> Iterator[tuple[int]]:
        yield (1,)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Output(str(link)) as output:
        output.write_csv(("number",), interrupted())
    assert real.read_text() == "precious"
    assert tmp_path.joinpath("real.csv.part").read_text() == "number\n1\n"
    assert "real.csv.part" in capsys.readouterr().err
    with Output(str(link)) as output:
        output.write_csv(("number",), [(2,)])
    assert (real.read_text(), link.is_symlink()) == ("number\n2\n", True)


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["csv", "json"])
@pytest.mark.parametrize("source", ["file", "fields"])
def test_disk_that_is_full_is_one_line(target: str, tmp_path: Path, options: list[str], source: str) -> None:
    """It names the output, with exit code 1 and no traceback."""
    tmp_path.joinpath("in.csv").write_text(_table([BERKELEY]))
    given = ["--input", str(tmp_path / "in.csv")] if source == "file" else _flags()
    arguments = ["predict", "--target", target, *given, "--output", "/dev/full", *options]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "/dev/full: No space left on device" in result.stderr


def test_one_prediction_goes_to_the_output(target: str, tmp_path: Path) -> None:
    """As text, or as JSON, and nothing of it to stdout."""
    for name, options in (("price.txt", []), ("price.json", ["--json"])):
        path = tmp_path / name
        arguments = ["predict", "--target", target, *_flags(), "--output", str(path), *options]
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, result.stdout) == (0, "")
    assert "83,252 USD" in tmp_path.joinpath("price.txt").read_text()
    assert json.loads(tmp_path.joinpath("price.json").read_text())["median_house_value"] == pytest.approx(83_252)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("out.parquet", "the output is CSV"),
        ("out.xlsx", "the output is CSV"),
        ("out.json", "--json writes JSON"),
        ("out.csv --json", "the output is lines of JSON"),
    ],
)
def test_format_under_the_name_of_another_is_a_usage_error(
    target: str, service: FakePredictionService, arguments: str, message: str
) -> None:
    """Before anything is asked."""
    result = _predict(target, _table([BERKELEY]), "--output", *arguments.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert service.attempts == 0


def test_a_file_is_never_its_own_result(target: str, tmp_path: Path) -> None:
    """The input would be destroyed while it is read."""
    source = tmp_path / "in.csv"
    source.write_text(_table([BERKELEY]))
    arguments = ["predict", "--target", target, "--input", str(source), "--output", str(source)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "same file" in result.stderr
    assert source.read_text() == _table([BERKELEY]).replace("\r\n", "\n")


def test_an_output_that_cannot_be_written_is_named(target: str, service: FakePredictionService, tmp_path: Path) -> None:
    """One line with the path, no traceback, before anything is asked."""
    result = _predict(target, _table([BERKELEY]), "--output", str(tmp_path / "missing" / "out.csv"))
    assert result.exit_code == 1
    assert "out.csv: No such file or directory" in result.stderr
    assert service.attempts == 0


def test_a_file_and_fields_together_are_a_usage_error(target: str) -> None:
    """Which of the two counts would be a guess."""
    result = _predict(target, _table([BERKELEY]), "--longitude", "-122")
    assert result.exit_code == 2
    assert "not both" in result.stderr
