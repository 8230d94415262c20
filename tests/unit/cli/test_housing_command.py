"""The `housing` command: its list of commands, packages that are missing, and the commands that ask the service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from google.rpc import code_pb2, error_details_pb2

from housing.features import FEATURES
from housing.v1 import status_service_pb2
from housing_cli.main import main
from unit.client.fake_prediction_service import BERKELEY, CARD, FakePredictionService, failed

PLUGIN = '''
import a_package_that_nobody_has

raise RuntimeError("a list of commands must not import them")

def far(): ...

def away() -> None:
    """Do something far away.

    More about it.
    """
'''

LATE_PLUGIN = '''
import click

@click.command()
def late() -> None:
    """Import when run."""
    import a_package_that_nobody_has
'''


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with two commands, neither of which can run."""
    information = tmp_path / "plugins-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[housing.commands]\naway = far_plugin:away [far,away]\nlate = late_plugin:late\ngone = no_such_module:gone\n"
    )
    (tmp_path / "far_plugin.py").write_text(PLUGIN)
    (tmp_path / "late_plugin.py").write_text(LATE_PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)


def _flags(**changes: object) -> list[str]:
    values = BERKELEY | changes
    return [part for name, value in values.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def _run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_help_lists_every_command_with_its_docstring() -> None:
    """Commands that the client brings are there, each with the first sentence of its docstring."""
    code, output, _ = _run("--help")
    assert code == 0
    lines = [line.split() for line in output.splitlines()]
    for line in (
        "logs Show, follow or export the predictions on record.",
        "model Show the served model and its origin.",
        "outcomes Record the true prices of predictions, from a CSV file.",
        "status Show the state of the service.",
        "2 usage error",
    ):
        assert line.split() in lines


@pytest.mark.usefixtures("plugins")
def test_help_of_other_packages_is_read_without_importing_them() -> None:
    """A command that cannot be imported is listed all the same, and one without source as not installed."""
    code, output, _ = _run("--help")
    assert code == 0
    assert "Do something far away." in output
    assert ["gone", "(not", "installed)"] in [line.split() for line in output.splitlines()]


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(("command", "extras"), [("away", "[far,away]"), ("late", "")])
def test_a_missing_package_names_what_to_install(command: str, extras: str) -> None:
    """Whether it is missed on import or later, the command says which package and which extras."""
    sys.modules.pop(f"{command}_plugin", None)
    code, _, error = _run(command)
    assert code == 1
    assert "'a_package_that_nobody_has', which is not installed" in error
    assert f"pip install '.{extras}'" in error
    assert "make install" in error


def test_an_unknown_command_is_a_usage_error() -> None:
    """Exit code 2, and the name is repeated."""
    code, _, error = _run("prdict")
    assert code == 2
    assert "prdict" in error


def test_the_version_is_that_of_the_distribution() -> None:
    """`--version` answers with a number."""
    code, output, _ = _run("--version")
    assert code == 0
    assert output.startswith("housing, version ") or ", version " in output


def test_help_of_predict_is_the_contract() -> None:
    """Every field has an option whose help tells its limits, unit or spellings."""
    _, output, _ = _run("predict", "--help")
    words = " ".join(output.split())
    for feature in FEATURES:
        assert f"--{feature.name.replace('_', '-')} " in words
        if feature.choices:
            assert f"one of {', '.join(feature.choices)}" in words
        else:
            assert f"in {feature.unit}, {feature.minimum:,g} to {feature.maximum:,g}" in words


def test_predict_prints_the_price(target: str) -> None:
    """A person reads the price, the model and the warnings."""
    code, output, _ = _run("predict", "--target", target, *_flags(population=900))
    assert code == 0
    assert "83,252 USD" in output
    assert "fake 7" in output
    assert "population: many people" in output


def test_predict_prints_json(target: str) -> None:
    """A program reads one object under the contract's names."""
    code, output, _ = _run("predict", "--json", "--target", target, *_flags())
    assert code == 0
    answer = json.loads(output)
    assert answer["median_house_value"] == pytest.approx(83_252)
    assert answer["predicted_at"] == "2026-01-02T03:04:05+00:00"


def test_optional_fields_may_be_left_out_and_spellings_ignore_case(target: str) -> None:
    """Only required fields are asked for, and `near bay` is understood."""
    given = _flags(ocean_proximity="near bay")
    at = given.index("--total-bedrooms")
    assert _run("predict", "--target", target, *given[:at], *given[at + 2 :])[0] == 0


def test_the_target_comes_from_the_environment(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOUSING_TARGET stands in for --target."""
    monkeypatch.setenv("HOUSING_TARGET", target)
    assert _run("predict", *_flags())[0] == 0


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "1_274", "1,274", "$5", "", "many"])
def test_a_field_that_is_no_plain_number_is_a_usage_error(text: str) -> None:
    """It is called what it is, not missing, and nothing is asked of the service."""
    code, _, error = _run("predict", "--target", "localhost:1", *_flags(total_rooms=text))
    assert code == 2
    assert "Invalid value for '--total-rooms': must be a " in error


@pytest.mark.parametrize("arguments", [["model", "--json"], ["predict", *_flags()]])
def test_stdout_that_is_full_is_one_line(target: str, arguments: list[str], tmp_path: Path) -> None:
    """The answer is lost, and the command says so without a traceback."""
    command = [sys.executable, "-m", "housing_cli", *arguments, "--target", target]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if "No space left" in line] == result.stderr.splitlines()


@pytest.mark.parametrize("arguments", [["status", "--target", "\udcff:1"], ["logs", "--model-version", "\udcff"]])
def test_text_that_is_none_is_one_line(arguments: list[str]) -> None:
    """Bytes of the command line that are no UTF-8 are refused, without a traceback."""
    code, _, error = _run(*arguments)
    assert code == 1
    assert "cannot be written as utf-8" in error


def test_required_fields_that_are_missing_are_named_together() -> None:
    """One message lists every option to add; nothing is asked of the service."""
    code, _, error = _run("predict", "--longitude", "-122")
    assert code == 2
    assert "--latitude, --housing-median-age" in error
    assert "--total-bedrooms" not in error


def test_a_refused_field_ends_with_its_violation(target: str) -> None:
    """Exit code 1, and the field, the limit and the rule are named."""
    code, _, error = _run("predict", "--target", target, *_flags(longitude=10))
    assert code == 1
    assert "the service refused the request:\n  longitude: must be less (double.lte)" in error


def test_nothing_at_the_target_says_what_to_do() -> None:
    """Exit code 1, with the address and the command that starts the service."""
    code, _, error = _run("model", "--target", "localhost:1")
    assert code == 1
    assert "no service at localhost:1" in error
    assert "housing up" in error


def test_a_service_without_a_model_is_told_from_none(target: str, service: FakePredictionService) -> None:
    """What the service itself says is shown as it is."""
    detail = error_details_pb2.ErrorInfo(reason="MODEL_NOT_LOADED", domain="housing.v1")
    service.failures = [failed(code_pb2.UNAVAILABLE, "no model is loaded yet", detail)] * 5
    code, _, error = _run("model", "--target", target)
    assert code == 1
    assert "UNAVAILABLE: no model is loaded yet" in error


def test_model_is_shown_to_people_and_programs(target: str) -> None:
    """Errors of the model carry their unit, features their limits; JSON holds the same."""
    code, output, _ = _run("model", "--target", target)
    assert code == 0
    words = " ".join(output.split())
    assert "fake 7 (champion)" in words
    assert "test_rmse 41,000 USD" in words
    assert "test_r2 0.8600" in words
    assert "median_income in 10,000 USD, 0 to 20, required" in words
    _, output, _ = _run("model", "--json", "--target", target)
    assert json.loads(output)["trained_at"] == "2025-12-31T23:59:00+00:00"


def test_the_models_card_is_shown(target: str) -> None:
    """Its text comes as it is, or in JSON with the version that it belongs to."""
    assert _run("model", "--card", "--target", target) == (0, CARD, "")
    _, output, _ = _run("model", "--card", "--json", "--target", target)
    assert json.loads(output) == {"model_name": "fake", "model_version": "7", "markdown": CARD}


def test_a_model_without_a_card_is_one_line(service: FakePredictionService, target: str) -> None:
    """What the service says about it is repeated, and the command fails."""
    service.failures.append(failed(code_pb2.NOT_FOUND, "version 7 of fake was registered without a card"))
    code, _, error = _run("model", "--card", "--target", target)
    assert (code, error) == (1, "Error: NOT_FOUND: version 7 of fake was registered without a card\n")


def test_status_is_shown_to_people_and_programs(target: str) -> None:
    """The state, the workers and the resources are there."""
    code, output, _ = _run("status", "--target", target)
    assert code == 0
    words = " ".join(output.split())
    assert "status SERVING" in words
    assert "prediction log DOWN, 1,234 rows wait in the journals: the disk is full" in words
    assert "up for 0:01:30" in words
    assert "1 of 2 serving, 3 restarted" in words
    assert "memory 1.0 of 4.0 GiB used" in words
    assert json.loads(_run("status", "--json", "--target", target)[1])["workers"]["restarts"] == 3


def test_status_fails_when_nothing_is_served(target: str, service: FakePredictionService) -> None:
    """A script can tell by the exit code."""
    service.state = status_service_pb2.SERVICE_STATUS_NOT_SERVING
    code, output, _ = _run("status", "--target", target)
    assert code == 1
    assert "NOT_SERVING" in output
