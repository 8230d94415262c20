"""Golden requests: written at training, replayed by the server."""

from pathlib import Path

import pytest
from google.protobuf import json_format

from housing.golden import FILE, GoldenRequests
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.errors import ModelRejected
from housing_server.models.loading import load_model
from housing_server.models.trial import main, run_trial
from registries import income_golden, income_graph


def model_folder(folder: Path, version: str, golden: str | None, slope: float = 40_000.0) -> Path:
    """Make a folder as the registry process leaves it."""
    (folder / FILE).parent.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(income_graph(slope=slope).SerializeToString())
    description = ModelDescription(name="test", version=version, runtime="onnx")
    (folder / "model.json").write_text(json_format.MessageToJson(description), "utf-8")
    if golden is not None:
        (folder / FILE).write_text(golden, "utf-8")
    return folder


def test_file_holds_what_was_put_into_it() -> None:
    """Rows come back to the last bit, with the fields that were left out."""
    golden = income_golden()
    again = GoldenRequests.from_json(golden.to_json())
    assert again == golden
    assert str(again.rows()) == str(golden.rows())
    assert "total_bedrooms" not in json_format.MessageToDict(golden.request.block_groups[-1])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"request": {"rows": 1}, "median_house_value": []}'])
def test_other_files_are_no_golden_requests(text: str) -> None:
    """What cannot be read is told from what disagrees."""
    with pytest.raises(ValueError, match=r"golden|Expecting"):
        GoldenRequests.from_json(text)


@pytest.mark.parametrize("slope", [40_000.0, 40_000.4])
def test_model_that_reproduces_them_is_loaded(tmp_path: Path, slope: float) -> None:
    """A few dollars of rounding are no difference."""
    assert load_model(model_folder(tmp_path / "m", "1", income_golden().to_json(), slope)).description.version == "1"


def test_model_that_does_not_is_refused(tmp_path: Path) -> None:
    """One answer off is enough, and the reason says by how much."""
    golden = income_golden()
    wrong = GoldenRequests(request=golden.request, prices=(*golden.prices[:-1], golden.prices[-1] + 6))
    with pytest.raises(ModelRejected, match=r"1 of its 10 golden requests: it is off by 6\.00 USD for number 9"):
        load_model(model_folder(tmp_path / "m", "1", wrong.to_json()))


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    """A file that cannot be read proves nothing."""
    with pytest.raises(ModelRejected, match="cannot be read"):
        load_model(model_folder(tmp_path / "m", "1", "{"))


def test_trial_counts_them_and_times_both_models(tmp_path: Path) -> None:
    """A model without any passes, and the report says so."""
    with_golden = model_folder(tmp_path / "1", "1", income_golden().to_json())
    without = model_folder(tmp_path / "2", "2", None)
    assert run_trial(with_golden, without, 0).golden_requests == 10
    report = run_trial(without, with_golden, 0)
    assert report.golden_requests == 0
    assert min(report.row_seconds, report.current_row_seconds) > 0


def test_trial_beside_a_model_that_can_be_loaded_no_more(tmp_path: Path) -> None:
    """What an earlier release served is no reason to refuse what this one can serve: it is timed alone."""
    candidate = model_folder(tmp_path / "1", "1", income_golden().to_json())
    (current := tmp_path / "gone").mkdir()
    report = run_trial(candidate, current, 100)
    assert (report.golden_requests, report.latency_ratio > 0) == (10, True)


def test_trial_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model slower than the bound is refused with the setting that moves it."""
    candidate, current = (str(model_folder(tmp_path / version, version, None)) for version in "12")
    assert main(candidate, current, "1e-9", "graphs") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("version 1 takes")
    assert "HOUSING_SWAP_MAX_LATENCY_RATIO" in line
