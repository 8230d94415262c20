"""The search for better hyper-parameters: what it hangs on, how it goes on, and what it measures."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from housing_training.data.preparation import fill_ocean_proximity
from housing_training.data.rows import column
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.errors import ParameterError, TuningError
from housing_training.experts.cross_fitting import area_folds, areas
from housing_training.params.names import flat, nested
from housing_training.params.schema import MIXTURE, STUDENT, TrainParams
from housing_training.tuning.objective import FOLDS, OFFSET_DEGREES, Known, MixtureObjective
from housing_training.tuning.objective import objective as objective_of
from housing_training.tuning.search import Errors, Progress, Search, Trial
from housing_training.tuning.search_space import SPACE, Value
from running import ROOT

STORED: dict[str, Value] = {"local.max_depth": 6, "local.learning_rate": 0.1, "gate.midpoint": 3.0}


class Bowl:
    """An objective that is best at a learning rate of 0.05 and a depth of 5, and measures in three steps."""

    def __init__(self, seed: int = 1, stored: dict[str, Value] | None = None) -> None:
        self.seed, self.steps, self.stored = seed, 3, stored or STORED
        self.measured: list[dict[str, Value]] = []

    def measure(self, values: Mapping[str, Value]) -> Iterator[Errors]:
        """Measure values."""
        self.measured.append(dict(values))
        away = abs(values["local.learning_rate"] - 0.05) * 10 + abs(values["local.max_depth"] - 5)
        for step in range(self.steps):
            yield Errors(at_random=40_000 + 1_000 * away + step, by_area=56_000 + 2_000 * away)

    def fingerprint(self) -> str:
        """Name what is searched."""
        return "bowl"


def ignore_progress(_: Progress) -> None:
    """Ignore a search's progress."""


def searched(database: Path, objective: Bowl, trials: int, seconds: float = 1e9) -> tuple[Trial, Trial]:
    """Search, and give the trial of what was stored and the best one."""
    with Search.open(database, objective, ignore_progress) as search:
        search.run(trials, seconds)
        assert search.stored is not None
        assert search.best is not None
        return search.stored, search.best


def test_what_is_stored_is_tried_first(tmp_path: Path) -> None:
    """It is what others are compared with, even when there is no time for others."""
    objective = Bowl()

    stored, best = searched(tmp_path / "tuning.db", objective, trials=5, seconds=0)

    assert objective.measured == [STORED]
    assert stored == best
    assert stored.errors.score == pytest.approx(np.sqrt(stored.errors.at_random * stored.errors.by_area), abs=0.01)


def test_a_search_that_goes_on_ends_where_it_would_have_ended(tmp_path: Path) -> None:
    """Four trials and then twelve in all are the same as twelve, and nothing is measured twice."""
    at_once, in_two_parts = Bowl(), Bowl()

    expected = searched(tmp_path / "once.db", at_once, trials=12)
    searched(tmp_path / "parts.db", in_two_parts, trials=4)
    assert len(in_two_parts.measured) == 4
    found = searched(tmp_path / "parts.db", in_two_parts, trials=12)

    assert in_two_parts.measured == at_once.measured
    assert found == expected
    assert found[1].errors.score < found[0].errors.score


def test_a_trial_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    """What was not measured to its end leaves no trace in what is tried later."""
    at_once, cut_off = Bowl(), Bowl()
    expected = searched(tmp_path / "once.db", at_once, trials=6)

    def cut(reached: Progress) -> None:
        if reached.finished == 3 and "folds 2" in reached.doing:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Search.open(tmp_path / "cut.db", cut_off, cut) as search:
        search.run(6, 1e9)
    found = searched(tmp_path / "cut.db", cut_off, trials=6)

    assert cut_off.measured[:4] == at_once.measured[:4]
    assert cut_off.measured[4:] == at_once.measured[3:]
    assert (found[0], found[1].values) == (expected[0], expected[1].values)


def test_another_seed_tries_other_values(tmp_path: Path) -> None:
    """Only what is stored is tried whatever the seed."""
    one, other = Bowl(seed=1), Bowl(seed=2)

    searched(tmp_path / "one.db", one, trials=3)
    searched(tmp_path / "other.db", other, trials=3)

    assert one.measured[0] == other.measured[0]
    assert not any(values in other.measured for values in one.measured[1:])


def test_what_is_stored_later_is_measured_too(tmp_path: Path) -> None:
    """Changed by hand it is another trial; taken from the search it is on record already."""
    first = Bowl()
    _, best = searched(tmp_path / "tuning.db", first, trials=8)
    changed, saved = Bowl(stored={**STORED, "local.max_depth": 4}), Bowl(stored=dict(best.values))

    searched(tmp_path / "tuning.db", changed, trials=8)
    searched(tmp_path / "tuning.db", saved, trials=8)

    assert changed.measured == [changed.stored]
    assert not saved.measured


def test_bad_trials_are_broken_off(tmp_path: Path) -> None:
    """After some trials, one that is worse than most of them is not measured to the end."""
    steps: list[Progress] = []
    with Search.open(tmp_path / "tuning.db", Bowl(), steps.append) as search:
        search.run(15, 1e9)
        assert search.finished == 15

    done = [step for step in steps if "folds" in step.doing]
    assert len(done) < 15 * 3
    assert steps[-1].finished == 15


def test_two_searches_do_not_share_a_database(tmp_path: Path) -> None:
    """The second one says so at once, since it would take the first one's trials for broken off."""
    with (
        Search.open(tmp_path / "tuning.db", Bowl(), ignore_progress),
        pytest.raises(TuningError, match="another search is under way"),
        Search.open(tmp_path / "tuning.db", Bowl(), ignore_progress),
    ):
        pass


@pytest.fixture
def rows(table: pd.DataFrame) -> np.ndarray:
    """The made-up block groups as rows."""
    return rows_from_frame(fill_ocean_proximity(table))


@pytest.fixture
def objective(rows: np.ndarray, table: pd.DataFrame, mixture_params: TrainParams) -> MixtureObjective:
    """The quick mixture on them."""
    return MixtureObjective(mixture_params, Known(rows=rows, prices=prices_from_frame(table), sha256="data"))


def test_the_mixture_is_measured_the_same_each_time(objective: MixtureObjective) -> None:
    """The same hyper-parameters give the same errors, others give others, and each step counts folds of both kinds."""
    first, again = list(objective.measure(objective.stored)), list(objective.measure(objective.stored))
    other = list(objective.measure({**objective.stored, "local.max_depth": 2}))

    assert first == again
    assert len(first) == objective.steps == FOLDS
    assert other[-1].at_random != first[-1].at_random
    assert other[-1].by_area != first[-1].by_area


def test_areas_of_the_search_are_not_those_of_the_evaluation(rows: np.ndarray) -> None:
    """No area is in two folds, and the grid is neither of the two that models are judged on."""
    numbers = areas(rows, OFFSET_DEGREES)
    for learnt, held_out in area_folds(rows, FOLDS, OFFSET_DEGREES):
        assert not set(numbers[learnt]) & set(numbers[held_out])
    assert OFFSET_DEGREES not in {0.0, 0.25}


@pytest.mark.parametrize(
    ("data", "changes"),
    [("other data", {}), ("data", {"seed": 2}), ("data", {"candidates": "more trees"})],
    ids=["data", "seed", "what is not searched"],
)
def test_trials_of_something_else_are_another_search(
    data: str, changes: dict[str, object], objective: MixtureObjective, rows: np.ndarray, mixture_params: TrainParams
) -> None:
    """Errors on other rows, of other draws or with other numbers of trees cannot be compared."""
    if "candidates" in changes:
        named = flat(mixture_params.candidates[MIXTURE]) | {"local.n_estimators": 21}
        changes = {"candidates": {MIXTURE: nested(named)}}
    known = Known(rows=rows, prices=rows[:, column("median_income")] * 1_000, sha256="data")
    other = MixtureObjective(mixture_params.model_copy(update=changes), replace(known, sha256=data))
    same = MixtureObjective(mixture_params, known)

    assert other.fingerprint() != objective.fingerprint()
    assert same.fingerprint() == objective.fingerprint()


@pytest.mark.parametrize("candidate", [MIXTURE, STUDENT])
def test_without_a_candidate_there_is_nothing_to_search(
    candidate: str, rows: np.ndarray, student_params: TrainParams
) -> None:
    """The error names the candidate that is missing."""
    others = {name: each for name, each in student_params.candidates.items() if name != candidate}
    params = student_params.model_copy(update={"candidates": others})
    with pytest.raises(ParameterError, match=f"has no {candidate}"):
        objective_of(candidate, params, Known(rows=rows, prices=rows[:, column("median_income")], sha256="data"), print)


def test_a_student_is_measured_beside_the_stored_mixture(
    rows: np.ndarray, table: pd.DataFrame, student_params: TrainParams
) -> None:
    """Its own hyper-parameters are searched, and give other errors; its teacher's are no part of them."""
    quick = flat(student_params.candidates[STUDENT]) | {"rows": 600, "network.epochs": 1, "tutor.epochs": 1}
    params = student_params.model_copy(update={"candidates": {**student_params.candidates, STUDENT: nested(quick)}})
    known = Known(rows=rows, prices=prices_from_frame(table), sha256="data")
    reported: list[str] = []
    student = objective_of(STUDENT, params, known, reported.append)

    (*_, stored), (*_, other) = (
        list(student.measure({**student.stored, **changed})) for changed in ({}, {"network.learning_rate": 0.001})
    )

    assert set(student.stored) == {name for name in flat(params.candidates[STUDENT]) if name in SPACE}
    assert "tutor_share" in student.stored
    assert stored != other
    assert student.fingerprint() != objective_of(MIXTURE, params, known, reported.append).fingerprint()
    assert reported == [f"teacher, fold {number} of {2 * FOLDS}" for number in range(1, 2 * FOLDS + 1)]


def test_stored_parameters_of_this_repository_are_searched_within_bounds() -> None:
    """Of the experts, the gate and the holes all is, but how many trees there are and what they may not do."""
    params = yaml.safe_load((ROOT / "training/params.yaml").read_text("utf-8"))
    stored = flat(params["train"]["candidates"][MIXTURE])

    searched = {name for name in stored if name in SPACE}
    left_alone = {re.sub(r"^(local|regional)\.", "", name).partition(".")[0] for name in stored.keys() - searched}
    assert left_alone <= {
        "n_estimators",
        "num_parallel_tree",
        "monotone_constraints",
        "rounds_without_place",
        "interval",
    }
    assert len(searched) > 15
    for name in searched:
        assert SPACE[name].low <= stored[name] <= SPACE[name].high, name


def test_a_stored_value_beyond_the_range_widens_it() -> None:
    """What somebody has chosen by hand is tried as it is, and what is inside changes nothing."""
    depth = SPACE["local.max_depth"]

    assert depth.including(12) == replace(depth, high=12)
    assert depth.including(5) == depth


def test_flat_names_and_nested_ones_say_the_same() -> None:
    """Nothing is lost on the way there and back, parts that hold nothing included."""
    whole = {"a": {"b": {"c": 1}, "d": 2}, "e": {}, "f": [3]}

    assert flat(whole) == {"a.b.c": 1, "a.d": 2, "e": {}, "f": [3]}
    assert nested(flat(whole)) == whole
