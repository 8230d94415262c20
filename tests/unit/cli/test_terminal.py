"""The command line as a terminal shows it: completion, widths, and output that other programs read."""

import csv
import os

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from housing.terminal import fitted
from housing_cli.commands.completion import SHELLS
from housing_cli.log_table import COLUMNS
from housing_cli.main import main
from unit.client.fake_prediction_log import FakePredictionLog, logged


def completed(words: list[str], begun: str) -> set[str]:
    """What a shell may put in the place of the word that is begun."""
    return {
        item.value for item in ShellComplete(main, {}, "housing", "_HOUSING_COMPLETE").get_completions(words, begun)
    }


@pytest.mark.parametrize(
    ("words", "begun", "wanted"),
    [
        ([], "st", {"status"}),
        (["predict"], "--long", {"--longitude"}),
        (["model"], "ro", {"rollback"}),
        (["completion"], "", set(SHELLS)),
    ],
)
def test_words_are_completed(words: list[str], begun: str, wanted: set[str]) -> None:
    """Commands, those below them, options and choices, of every package that is installed."""
    assert completed(words, begun) == wanted


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_its_script(shell: str) -> None:
    """It asks `housing` for completions."""
    result = CliRunner().invoke(main, ["completion", shell], prog_name="housing")
    assert result.exit_code == 0
    assert "_HOUSING_COMPLETE" in result.stdout


def test_lines_are_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """With dots at the end; shorter lines stay as they are."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "10")
    assert fitted("0123456789\n0123456789a") == "0123456789\n0123456..."


def test_lines_for_other_programs_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe has no width."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    monkeypatch.setenv("COLUMNS", "10")
    assert fitted("0123456789a") == "0123456789a"


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}])
def test_no_command_needs_colour(variables: dict[str, str], log: FakePredictionLog, log_target: str) -> None:
    """Help, tables and errors are plain text, so that NO_COLOR has nothing to remove."""
    log.predictions = [logged(0)]
    commands = (["--help"], ["predict", "--help"], ["logs", "--target", log_target], ["predict", "--latitude", "x"])
    for arguments in commands:
        result = CliRunner().invoke(main, arguments, env=os.environ | variables, color=True)
        assert "\x1b" not in result.output, arguments


def test_predictions_are_exported_to_stdout(log: FakePredictionLog, log_target: str) -> None:
    """As the CSV that a file would hold, and nothing else."""
    log.predictions = [logged(number) for number in range(3)]
    result = CliRunner().invoke(main, ["logs", "--target", log_target, "--output", "-"])
    assert result.exit_code == 0
    header, *rows = csv.reader(result.stdout.splitlines())
    assert header == [column.name for column in COLUMNS]
    assert [row[0] for row in rows] == ["id-2", "id-1", "id-0"]
