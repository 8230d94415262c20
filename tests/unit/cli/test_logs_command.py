"""`housing logs`: what it shows, follows and exports."""

import csv
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from google.rpc import code_pb2

from housing.features import FEATURE_NAMES
from housing.v1.prediction_log_service_pb2 import BoundingBox, ListPredictionsRequest
from housing_cli.main import main
from running import PATIENCE
from unit.client.fake_prediction_log import START, FakePredictionLog, logged
from unit.client.fake_prediction_service import failed


def run(target: str, *options: str) -> Result:
    """Run the command."""
    result = CliRunner().invoke(main, ["logs", "--target", target, *options])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def asked(log: FakePredictionLog) -> ListPredictionsRequest:
    """The last listing that was asked for."""
    assert isinstance(log.asked[-1], ListPredictionsRequest)
    return log.asked[-1]


def test_newest_are_shown_last(log: FakePredictionLog, log_target: str) -> None:
    """Twenty of them unless told otherwise, one on a line under a header."""
    log.predictions = [logged(number) for number in range(30)]
    header, *lines = run(log_target).stdout.splitlines()
    assert header.startswith("predicted at (UTC)")
    assert [line.split()[2] for line in lines] == [f"id-{number}" for number in range(10, 30)]
    assert lines[-1].split() == [
        *("2026-03-01", "00:00:29", "id-29", "7", "100,030", "90,000", "-", "110,000", "-122.23", "37.88"),
        *("95,000", "CROWDED", "FAR_FROM_DATA"),
    ]
    assert len(run(log_target, "--limit", "3").stdout.splitlines()) == 4


def test_json_is_one_line_each(log: FakePredictionLog, log_target: str) -> None:
    """With the contract's names, and no header."""
    log.predictions = [logged(0), logged(1)]
    first, second = map(json.loads, run(log_target, "--json").stdout.splitlines())
    assert first["prediction_id"] == "id-0"
    assert first["interval"] is None
    assert second["outcome"]["median_house_value"] == 95_000
    assert second["block_group"]["ocean_proximity"] == "NEAR BAY"
    assert second["predicted_at"] == "2026-03-01T00:00:01+00:00"


def test_options_become_the_filter(log: FakePredictionLog, log_target: str) -> None:
    """Each option is a field of the request."""
    result = run(
        log_target,
        *("--since", "2026-03-01T02:00:00+02:00", "--until", "2026-03-02", "--model-version", "7"),
        *("--min-price", "1e5", "--max-price", "200000", "--area", "-123,37,-122,38", "--without-outcome"),
    )
    assert result.exit_code == 0
    expected = ListPredictionsRequest(
        model_version="7",
        min_median_house_value=100_000,
        max_median_house_value=200_000,
        bounding_box=BoundingBox(west=-123, south=37, east=-122, north=38),
        has_outcome=False,
        page_size=20,
    )
    expected.start_time.FromDatetime(START)
    expected.end_time.FromDatetime(START + timedelta(days=1))
    assert asked(log) == expected


def test_since_may_be_an_age(log: FakePredictionLog, log_target: str) -> None:
    """Counted back from now."""
    before = datetime.now(UTC)
    run(log_target, "--since", "2h", "--with-outcome")
    start = asked(log).start_time.ToDatetime(UTC)
    assert before - timedelta(hours=2) <= start <= datetime.now(UTC) - timedelta(hours=2)
    assert asked(log).has_outcome


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "yesterday"], "is not a time"),
        (["--until", "2026-13-01"], "is not a time"),
        (["--area", "-123,37,-122"], "is not an area"),
        (["--area", "a,b,c,d"], "is not an area"),
        (["--limit", "0"], "--limit"),
        (["--output", "log.txt"], ".csv or .parquet"),
        (["--output", "log.csv", "--follow"], "cannot be combined with --follow or --json"),
        (["--output", "log.csv", "--json"], "cannot be combined with --follow or --json"),
    ],
)
def test_wrong_use_says_what_is_right(log_target: str, options: list[str], words: str) -> None:
    """Exit code 2, before anything is asked."""
    result = run(log_target, *options)
    assert result.exit_code == 2
    assert words in result.stderr


def test_export_to_csv_holds_everything(log: FakePredictionLog, log_target: str, tmp_path: Path) -> None:
    """The answer and the true price each in a column of its own, and empty cells where there is nothing."""
    log.predictions = [logged(number) for number in range(1500)]
    path = tmp_path / "log.csv"
    result = run(log_target, "--output", str(path))
    assert result.exit_code == 0
    assert "1,500 predictions written to" in result.stderr
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert [row["prediction_id"] for row in rows] == [f"id-{number}" for number in reversed(range(1500))]
    assert set(FEATURE_NAMES) < set(rows[0])
    assert rows[0]["predicted_median_house_value"] == "101499.5"
    assert rows[0]["median_house_value"] == "95000.0"
    assert rows[0]["interval_upper_open"] == "true"
    assert rows[0]["predicted_at"] == "2026-03-01T00:24:59+00:00"
    assert rows[0]["warnings"] == "CROWDED FAR_FROM_DATA"
    assert (rows[1]["median_house_value"], rows[1]["interval_lower"], rows[1]["outcome_recorded_at"]) == ("", "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_export_to_parquet_keeps_types(log: FakePredictionLog, log_target: str, tmp_path: Path) -> None:
    """Numbers, flags and times are such, and what is not there is null."""
    log.predictions = [logged(number) for number in range(3)]
    path = tmp_path / "log.parquet"
    assert run(log_target, "--output", str(path), "--limit", "2").exit_code == 0
    second, first = pyarrow.parquet.read_table(path).to_pylist()
    assert (second["prediction_id"], first["prediction_id"]) == ("id-2", "id-1")
    assert first["predicted_at"] == START + timedelta(seconds=1)
    assert first["median_house_value"] == 95_000
    assert first["longitude"] == -122.23
    assert first["interval_upper_open"] is True
    assert second["interval_upper_open"] is None
    assert second["outcome_recorded_at"] is None


def test_export_of_nothing_is_a_table_without_rows(log_target: str, tmp_path: Path) -> None:
    """Whoever reads it finds the columns."""
    paths = [tmp_path / "log.csv", tmp_path / "log.parquet"]
    for path in paths:
        assert run(log_target, "--output", str(path)).exit_code == 0
    assert paths[0].read_text("utf-8").startswith("prediction_id,predicted_at,")
    table = pyarrow.parquet.read_table(paths[1])
    assert (table.num_rows, table.column_names[0]) == (0, "prediction_id")


def test_export_that_breaks_off_leaves_no_file(log: FakePredictionLog, log_target: str, tmp_path: Path) -> None:
    """Half a table would be taken for a whole one; what was there before stays."""
    log.predictions = [logged(number) for number in range(1500)]
    log.failures = [failed(code_pb2.INTERNAL, "broken")]
    path = tmp_path / "log.csv"
    path.write_text("before")
    result = run(log_target, "--output", str(path))
    assert result.exit_code == 1
    assert "INTERNAL: broken" in result.stderr
    assert path.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_folder_that_does_not_exist_is_named(log_target: str, tmp_path: Path) -> None:
    """One line says which file cannot be written."""
    path = tmp_path / "nowhere/log.csv"
    result = run(log_target, "--output", str(path))
    assert result.exit_code == 1
    assert str(path) in result.stderr.replace("\n", "")


def test_parquet_without_pyarrow_names_the_extra(
    log_target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bare client does without."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run(log_target, "--output", str(tmp_path / "log.parquet"))
    assert result.exit_code == 1
    assert "pip install '.[parquet]'" in result.stderr


def test_following_shows_what_comes_once(log: FakePredictionLog, log_target: str) -> None:
    """Until Ctrl-C, which is no failure; even what turns up a little late is shown."""
    log.predictions = [logged(0), logged(10)]
    command = [sys.executable, "-m", "housing_cli", "logs", "--target", log_target, "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None

        def shown() -> str:
            assert process.stdout is not None
            return str(json.loads(process.stdout.readline())["prediction_id"])

        assert [shown(), shown()] == ["id-0", "id-10"]
        log.predictions = [logged(0), logged(9), logged(10), logged(11)]
        assert [shown(), shown()] == ["id-9", "id-11"]
        log.predictions.append(logged(12))
        assert shown() == "id-12"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    "options",
    [
        ["--since", "999999d"],
        ["--until", f"{'9' * 5000}s"],
        ["--since", "0001-01-01T00:00:00+14:00"],
        ["--until", "9999-12-31T23:59:59-12:00"],
        ["--since", "yesterday"],
        ["--limit", "0"],
        ["--limit", "9" * 30],
        ["--min-price", "nan"],
        ["--max-price", "1e999"],
        ["--area", "nan,0,0,0"],
        ["--area", "1,2,3"],
        ["--output", "log.xlsx"],
    ],
)
def test_arguments_at_their_extremes_are_usage_errors(options: list[str]) -> None:
    """One line that names the option, before anything is asked."""
    result = run("localhost:1", *options)
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert options[0] in line
    assert len(line) < 300
