"""`housing train --tune`: what it shows, and what it changes in params.yaml."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from housing_training.commands.train import train
from housing_training.commands.tune import tune
from housing_training.commands.tune_options import Tuning
from housing_training.data.preparation import fill_ocean_proximity
from housing_training.errors import ParameterError
from housing_training.files.artifacts import PARAMS, TRAIN, write_table
from housing_training.params.file import with_values
from housing_training.params.names import flat
from housing_training.params.schema import MIXTURE, STUDENT, TrainParams
from housing_training.tuning.search_space import SPACE
from running import ROOT

COMMENTED = """\
# Above.
train:
  candidates:  # beside
    tree: {depth: 5, rate: 0.10}

    other:
      depth: 5   # five, as ever
  seed: null
"""


def test_only_the_values_are_replaced() -> None:
    """Comments, order, spacing and whatever has the same name elsewhere stay."""
    changed = with_values(
        COMMENTED, {("train", "candidates", "tree", "rate"): 0.037, ("train", "candidates", "other", "depth"): 11}
    )

    assert changed == COMMENTED.replace("0.10", "0.037").replace("5   # five", "11   # five")
    assert with_values(COMMENTED, {}) == COMMENTED


def test_small_numbers_are_read_back_as_numbers() -> None:
    """YAML would take some spellings of a float for text."""
    path = ("train", "candidates", "tree", "rate")
    changed = yaml.safe_load(with_values(COMMENTED, {path: 1e-05}))

    assert changed["train"]["candidates"]["tree"]["rate"] == 1e-05


@pytest.mark.parametrize("path", [("train", "seeds"), ("train", "candidates"), ("train", "seed", "deeper")])
def test_a_place_without_a_value_is_named(path: tuple[str, ...]) -> None:
    """Nothing is added to the file, and no part is replaced by a number."""
    with pytest.raises(ParameterError, match=r"\.".join(path)):
        with_values(COMMENTED, {path: 1})


def test_every_searched_value_can_be_written_into_this_repositorys_file() -> None:
    """All at once, and each is then what is read."""
    text = (ROOT / PARAMS).read_text("utf-8")
    values = {
        ("train", "candidates", candidate, *name.split(".")): SPACE[name].high
        for candidate in (MIXTURE, STUDENT)
        for name in flat(yaml.safe_load(text)["train"]["candidates"][candidate])
        if name in SPACE
    }
    assert len(values) > len(SPACE) / 2

    changed = yaml.safe_load(with_values(text, values))

    for (*outer, last), value in values.items():
        part = changed
        for key in outer:
            part = part[key]
        assert part[last] == value


@pytest.fixture
def tree(tmp_path: Path, table: pd.DataFrame, mixture_params: TrainParams, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with parameters and training rows, to work in."""
    params: dict[str, Any] = {
        "fetch": {"source": "own.csv"},
        "prepare": {"test_size": 0.2, "seed": 42},
        "train": mixture_params.model_dump(),
        "register": {"model_name": "california-housing", "alias": "champion"},
    }
    for expert in ("local", "regional"):  # with so few trees nearly any other rate is better
        params["train"]["candidates"][MIXTURE][expert] |= {"learning_rate": 0.01}
    monkeypatch.chdir(tmp_path)
    PARAMS.parent.mkdir()
    PARAMS.write_text("# Mind this.\n" + yaml.safe_dump(params), "utf-8")
    write_table(fill_ocean_proximity(table), TRAIN)
    return tmp_path


def options(*, trials: int | None = None, save: bool = False) -> Tuning:
    """What `--tune` and others say."""
    return Tuning(tune=True, candidate=None, trials=trials, timeout=None, save=save)


def test_what_is_better_is_shown_and_then_saved(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --save the file stays; with it, the best values are in it, and the next search starts from them."""
    before = (tree / PARAMS).read_text("utf-8")
    tune(options(trials=6))
    shown = capsys.readouterr().out
    assert "better; --save writes it to training/params.yaml" in shown
    assert (tree / PARAMS).read_text("utf-8") == before

    tune(options(trials=6, save=True))
    assert "written to training/params.yaml" in capsys.readouterr().out
    after = (tree / PARAMS).read_text("utf-8")
    assert after.startswith("# Mind this.\n")
    assert len(after.splitlines()) == len(before.splitlines())
    local = yaml.safe_load(after)["train"]["candidates"][MIXTURE]["local"]
    assert f"{'local.learning_rate':25} {local['learning_rate']}  (stored: 0.01)" in shown

    tune(options(trials=6))
    assert "nothing better than the stored parameters was found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--save"], "only go with --tune"),
        (["--candidate", "student"], "only go with --tune"),
        (["--trials", "3"], "only go with --tune"),
        (["--timeout", "0"], "only go with --tune"),
        (["--tune", "--force"], "--tune trains nothing"),
        (["--tune", "--evaluate-spatially"], "--tune trains nothing"),
        (["--tune", "--trials", "0"], "0 is not in the range"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is begun, and the reason is one line."""
    monkeypatch.chdir(ROOT)

    result = CliRunner().invoke(train, arguments)

    assert result.exit_code == 2
    assert reason in result.output
