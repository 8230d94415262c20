"""Reading params.yaml, and building what it names."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from housing_training.candidates.estimators import build_candidate
from housing_training.errors import ParameterError
from housing_training.params.schema import MIXTURE, MixtureParams, Params
from running import ROOT

GIVEN = ROOT / "training/params.yaml"


def write(folder: Path, changes: dict[str, Any]) -> Path:
    """Write the repository's parameters with some sections changed."""
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(GIVEN.read_text()) | changes))
    return path


def test_the_repository_trains_its_candidates_on_the_agreed_split() -> None:
    """The defaults are what the documentation promises."""
    params = Params.read(GIVEN)

    assert list(params.train.candidates) == [
        "linear_regression",
        "decision_tree",
        "random_forest",
        "xgboost",
        "mixture_of_experts",
        "student",
    ]
    assert MixtureParams.of(MIXTURE, params.train.candidates[MIXTURE]).interval.coverage == 0.9
    assert (params.prepare.test_size, params.prepare.seed) == (0.2, 42)
    assert (params.register_.model_name, params.register_.alias) == ("california-housing", "champion")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prepare": {"test_size": 2, "seed": 42}}, "prepare.test_size: Input should be less than 1"),
        ({"prepare": {"test_size": 0.2}}, "prepare.seed: Field required"),
        ({"fetch": {"source": "a.csv", "sha": "x"}}, "fetch.sha: Extra inputs are not permitted"),
        ({"fetch": {"source": "a.csv", "sha256": "short"}}, "fetch.sha256: String should match pattern"),
        ({"train": {"seed": 1, "folds": 5, "candidates": {}}}, "train.candidates: Dictionary should have at least 1"),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    """The error says which parameter is wrong, and how, in one line."""
    with pytest.raises(ParameterError, match=reason) as raised:
        Params.read(write(tmp_path, changes))

    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Without params.yaml the error says so."""
    with pytest.raises(ParameterError, match=r"params\.yaml cannot be read"):
        Params.read(tmp_path / "params.yaml")


def test_what_is_not_yaml_is_refused(tmp_path: Path) -> None:
    """A truncated file is refused, as an empty one is."""
    (tmp_path / "params.yaml").write_text("fetch: [")

    with pytest.raises(ParameterError, match="cannot be read"):
        Params.read(tmp_path / "params.yaml")


def test_an_unknown_candidate_is_named() -> None:
    """The error lists the candidates there are."""
    with pytest.raises(ParameterError, match="svm is unknown; candidates are linear_regression, "):
        build_candidate("svm", {}, seed=1)


def test_an_unknown_hyper_parameter_is_named() -> None:
    """The estimator's own complaint is passed on with the candidate's name."""
    with pytest.raises(ParameterError, match=r"train\.candidates\.decision_tree: .*'depth'"):
        build_candidate("decision_tree", {"depth": 3}, seed=1)
