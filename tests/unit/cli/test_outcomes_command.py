"""`housing outcomes`: a CSV file of true prices in, a report on every row out."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from housing_cli.main import main
from unit.client.fake_prediction_log import BAD_ID, LATE_ID, UNKNOWN_ID, FakePredictionLog


def run(target: str, text: str | bytes, *options: str) -> Result:
    """Send a file through stdin."""
    result = CliRunner().invoke(main, ["outcomes", "-", "--target", target, *options], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def table(*rows: tuple[str, object]) -> str:
    """Write a file of ids and prices."""
    lines = (f"{prediction_id},{price}\n" for prediction_id, price in rows)
    return "prediction_id,median_house_value\n" + "".join(lines)


def report(result: Result) -> list[tuple[str, str, str]]:
    """Read a report: line, id and result of each row."""
    rows = csv.DictReader(io.StringIO(result.stdout))
    return [(row["line"], row["prediction_id"], row["result"]) for row in rows]


def test_every_row_is_recorded_and_reported(log: FakePredictionLog, log_target: str) -> None:
    """In order, in more than one call, and the exit code says that all is well."""
    result = run(log_target, table(*((f"id-{number}", number + 1) for number in range(2500))))
    assert result.exit_code == 0
    assert log.true_prices == {f"id-{number}": number + 1 for number in range(2500)}
    assert report(result) == [(str(number + 2), f"id-{number}", "recorded") for number in range(2500)]
    assert log.outcome_calls == [1000, 1000, 500]
    assert "2,500 rows: 2,500 recorded" in result.stderr


def test_sending_again_changes_nothing(log: FakePredictionLog, log_target: str) -> None:
    """And a corrected price is a revision."""
    run(log_target, table(("id-0", 5), ("id-1", 5)))
    result = run(log_target, table(("id-0", 5), ("id-1", 6)))
    assert result.exit_code == 0
    assert [row[2] for row in report(result)] == ["unchanged", "revised"]
    assert "2 rows: 1 revised, 1 unchanged" in result.stderr
    assert log.true_prices == {"id-0": 5, "id-1": 6}


def test_exported_log_is_read_as_it_is(log: FakePredictionLog, log_target: str) -> None:
    """Other columns are ignored, whatever their order."""
    text = "median_house_value,predicted_median_house_value,prediction_id\n5,7,id-0\n"
    assert run(log_target, text).exit_code == 0
    assert log.true_prices == {"id-0": 5}


@pytest.mark.parametrize(("prediction_id", "expected"), [(LATE_ID, "late"), (UNKNOWN_ID, "unknown")])
def test_rows_that_are_not_on_record_are_reported(
    log: FakePredictionLog, log_target: str, prediction_id: str, expected: str
) -> None:
    """The others are recorded all the same, and the exit code tells."""
    result = run(log_target, table(("id-0", 5), (prediction_id, 5), ("id-1", 5)))
    assert result.exit_code == 1
    assert [row[2] for row in report(result)] == ["recorded", expected, "recorded"]
    assert log.true_prices == {"id-0": 5, "id-1": 5}


def test_bad_rows_are_refused_and_the_others_recorded(log: FakePredictionLog, log_target: str) -> None:
    """Though the service refuses a request with a bad outcome whole, and names only the first of them."""
    bad: list[tuple[str, object]] = [(BAD_ID, 5), ("id-1", "much"), ("id-2", ""), ("id-3", -1)] * 10
    result = run(log_target, table(("id-0", 5), *bad, ("id-9", 5)))
    assert result.exit_code == 1
    assert log.true_prices == {"id-0": 5, "id-9": 5}
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["result"] for row in rows] == ["recorded", *(["refused"] * 40), "recorded"]
    assert rows[1]["error"] == "prediction_id: must be less (double.lte)"
    assert rows[2]["error"] == "median_house_value: must be a plain number such as 1274.5, not 'much'"
    assert rows[3]["error"] == "median_house_value: is missing"
    assert rows[4]["error"] == "median_house_value: must be less (double.lte)"
    assert "42 rows: 2 recorded, 40 refused" in result.stderr


@pytest.mark.parametrize("price", ["452,600", '"452,600"', "$452600", "452_600", "452600,00", "452 600", "nan", "inf"])
def test_price_that_can_be_read_in_two_ways_is_never_recorded(
    log: FakePredictionLog, log_target: str, price: str
) -> None:
    """The row is refused with its line and what is wrong, and no other number goes on record."""
    result = run(log_target, table(("id-0", 5), ("id-1", price)))
    assert result.exit_code == 1
    assert log.true_prices == {"id-0": 5}
    _, row = csv.DictReader(io.StringIO(result.stdout))
    assert (row["line"], row["prediction_id"], row["result"]) == ("3", "id-1", "refused")
    assert price.strip('"').split(",")[-1] in row["error"]


def test_report_may_be_json_in_a_file(log_target: str, tmp_path: Path) -> None:
    """One line for each row."""
    path = tmp_path / "report.json"
    assert run(log_target, table(("id-0", 5)), "--json", "--output", str(path)).exit_code == 0
    row = {"line": 2, "prediction_id": "id-0", "result": "recorded", "error": ""}
    assert json.loads(path.read_text("utf-8")) == row


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "prediction_id, median_house_value"),
        ("prediction_id\nid-0\n", "required columns are missing: median_house_value"),
        (b"\xff\xfe", "stdin: the file is UTF-16 text"),
        (
            "prediction_id,median_house_value,median_house_value\nid-0,1,2\n",
            "named twice: median_house_value (2 and 3)",
        ),
        ("prediction_id;median_house_value\nid-0;1\n", "separated by semicolons"),
    ],
)
def test_file_that_is_no_such_table_is_a_usage_error(log_target: str, text: str | bytes, words: str) -> None:
    """It says which columns there must be."""
    result = run(log_target, text)
    assert result.exit_code == 2
    assert words in result.stderr


def test_file_that_breaks_off_is_reported_up_to_there(log: FakePredictionLog, log_target: str) -> None:
    """What was sent before is recorded, and nothing else is reported."""
    text = table(*((f"id-{number}", 5) for number in range(2500))).encode() + b"\xff\xff\n" * 5000
    result = run(log_target, text)
    assert result.exit_code == 1
    assert "not UTF-8" in result.stderr
    assert len(report(result)) == len(log.true_prices) == 2500


def test_service_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    """With what to do."""
    path = tmp_path / "outcomes.csv"
    path.write_text(table(("id-0", 5)))
    result = CliRunner().invoke(main, ["outcomes", str(path), "--target", "127.0.0.1:1"])
    assert result.exit_code == 1
    assert "no service at 127.0.0.1:1" in result.stderr
