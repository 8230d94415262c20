"""Searching better hyper-parameters with Optuna.

Trials are kept in a database, and the next trial depends only on the seed and the trials before it. So an interrupted
search resumes where it was and gives the same result.
"""

import fcntl
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import optuna
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from housing.sqlite_uris import sqlite_uri
from housing_training.errors import TuningError
from housing_training.tuning.search_space import Value, suggested

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_VALUES, _AT_RANDOM, _BY_AREA = "values", "at_random", "by_area"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Errors of a model, in USD."""

    at_random: float
    """RMSE of folds at random; the mean over those measured."""
    by_area: float
    """RMSE of folds by area; the mean over those measured."""

    @property
    def score(self) -> float:
        """Their geometric mean: a percent gained among known places counts as much as one where nothing is known."""
        return round(math.sqrt(self.at_random * self.by_area), 2)


class Objective(Protocol):
    """What the search minimizes."""

    seed: int
    """Seed of all that is drawn."""
    steps: int
    """How often `measure` yields."""
    stored: dict[str, Value]
    """The hyper-parameters that are searched, by flat name, as they are now."""

    def measure(self, values: Mapping[str, Value]) -> Iterator[Errors]:
        """Measure hyper-parameters with growing accuracy; the last result is final."""

    def fingerprint(self) -> str:
        """Hash what makes errors comparable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Hyper-parameters and how good they are."""

    number: int
    """Number of the trial, counted from 0."""
    values: Mapping[str, Value]
    """The hyper-parameters tried, by flat name."""
    errors: Errors
    """The errors with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a search."""

    finished: int
    """Trials finished."""
    doing: str
    """What the search is doing."""
    least: float | None
    """The least score so far, in USD; None before the first trial has ended."""


class Search:
    """A search in a database: `with Search.open(...)`. Trials of the same objective that are in it count."""

    def __init__(self, study: optuna.Study, objective: Objective, on_progress: Callable[[Progress], object]) -> None:
        self._study, self._objective, self._on_progress = study, objective, on_progress

    @classmethod
    @contextmanager
    def open(
        cls, database: Path, objective: Objective, on_progress: Callable[[Progress], object]
    ) -> Iterator["Search"]:
        """Open the search for an objective.

        Args:
            database: SQLite file; created if missing.
            objective: what is searched for.
            on_progress: called at each step.

        Raises:
            TuningError: another search is using the database.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # it would log each trial, and where an interrupted one was
        with _alone(database):
            study = optuna.create_study(
                storage=sqlite_uri(database),
                study_name=objective.fingerprint(),
                pruner=optuna.pruners.MedianPruner(),
                load_if_exists=True,
            )
            for trial in study.get_trials(states=[TrialState.RUNNING]):
                study.tell(trial.number, state=TrialState.FAIL)  # its process has ended
            yield cls(study, objective, on_progress)

    @property
    def finished(self) -> int:
        """Number of finished trials."""
        return len(self._study.get_trials(deepcopy=False, states=_FINISHED))

    def run(self, trials: int, seconds: float) -> None:
        """Search until the number of trials is reached; start no trial after the given seconds.

        The stored hyper-parameters are the first trial, since others are compared with them.
        """
        deadline = time.monotonic() + seconds
        self._report("starting")
        if self.stored is None:
            self._study.enqueue_trial(self._objective.stored)
            self._try_one()
        while self.finished < trials and time.monotonic() < deadline:
            self._try_one()

    @property
    def stored(self) -> Trial | None:
        """The trial of the stored hyper-parameters; None before it has ended."""
        return next((trial for trial in self._complete() if trial.values == self._objective.stored), None)

    @property
    def best(self) -> Trial | None:
        """The trial with the least score; None before the first one has ended."""
        return min(self._complete(), key=lambda trial: trial.errors.score, default=None)

    def _try_one(self) -> None:
        # Seeded for each trial: it then depends on the trials before, and not on how often the search was interrupted.
        (seed,) = np.random.SeedSequence([self._objective.seed, self.finished]).generate_state(1)
        self._study.sampler = TPESampler(seed=int(seed))
        self._study.optimize(self._score, n_trials=1)
        self._report("done")

    def _score(self, trial: optuna.Trial) -> float:
        values = suggested(trial, self._objective.stored)
        trial.set_user_attr(_VALUES, values)
        score = math.nan
        for step, errors in enumerate(self._objective.measure(values), start=1):
            score = errors.score
            trial.set_user_attr(_AT_RANDOM, errors.at_random)
            trial.set_user_attr(_BY_AREA, errors.by_area)
            trial.report(score, step)
            self._report(f"trial {trial.number}, folds {step} of {self._objective.steps}")
            # The stored ones, which others are compared with, are measured to the end.
            if values != self._objective.stored and trial.should_prune():
                raise optuna.TrialPruned
        return score

    def _report(self, doing: str) -> None:
        best = self.best
        self._on_progress(Progress(finished=self.finished, doing=doing, least=best.errors.score if best else None))

    def _complete(self) -> list[Trial]:
        return [_trial(each) for each in self._study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])]


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Lock a database against other searches while this one runs."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise TuningError(f"another search is under way in {database}: wait for it, or end it") from error
        yield


def _trial(kept: FrozenTrial) -> Trial:
    attributes = kept.user_attrs
    return Trial(
        number=kept.number,
        values=attributes[_VALUES],
        errors=Errors(at_random=attributes[_AT_RANDOM], by_area=attributes[_BY_AREA]),
    )
