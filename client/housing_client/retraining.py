"""Retrainings on record: plain values without a message or a connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingFilter:
    """A filter of retrainings; None and empty match everything. Times must have a time zone."""

    start_time: datetime | None = None
    """Requested at this time or later."""
    end_time: datetime | None = None
    """Requested before this time."""
    trigger: str = ""
    """Requested by this trigger: `manual`, `new_data`, `schedule` or `degradation`."""
    verdict: str = ""
    """With this verdict: `promoted`, `refused` or `failed`."""
    finished: bool | None = None
    """Whether there is a verdict."""
    model_version: str = ""
    """Whose candidate is this version of the model."""


EVERY_RETRAINING = RetrainingFilter()
"""The filter that matches everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuality:
    """Quality of a model on rows held out."""

    root_mean_squared_error: float
    """In 1990 USD."""
    mean_absolute_error: float
    """In 1990 USD."""
    interval_coverage: float | None
    """Share of the intervals that contain the true price; None without intervals."""
    promised_coverage: float | None
    """The share that they promise; None without intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDifference:
    """The candidate's root mean squared error minus the champion's: negative when the candidate is better."""

    root_mean_squared_error: float
    """The difference, in 1990 USD."""
    low: float | None
    """Lower end of its bootstrap interval, in 1990 USD; None when there was too little to draw from."""
    high: float | None
    """Upper end of that interval; None likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSlice:
    """A candidate and the champion on a part of the rows."""

    by: str
    """What the rows were divided by."""
    name: str
    """What the part's rows have in common."""
    rows: int
    """Their number."""
    candidate_root_mean_squared_error: float
    """The candidate's error, in 1990 USD."""
    champion_root_mean_squared_error: float
    """The champion's, in 1990 USD."""
    difference: ErrorDifference
    """The difference; the intervals hold for all slices together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelComparison:
    """A candidate and the champion on the same rows, which neither has learnt from."""

    rows: int
    """Number of rows."""
    new_rows: int
    """Number of those that came after the champion was trained."""
    areas: int
    """Number of areas that they lie in."""
    candidate: ModelQuality
    """Quality of the candidate."""
    champion: ModelQuality
    """Quality of the champion."""
    random: ErrorDifference
    """The difference, with the interval from rows drawn at random."""
    by_area: ErrorDifference
    """The difference, with the interval from whole areas drawn at random."""
    slices: tuple[ComparedSlice, ...]
    """Both on parts of the rows; empty in lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingGate:
    """A condition that a candidate must meet."""

    name: str
    """Its name."""
    passed: bool
    """Whether the candidate met it."""
    detail: str
    """What was measured, and what is required."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvidence:
    """What a stage of the challenger found."""

    name: str
    """`gates`, `shadow` or `canary`."""
    state: str
    """`running`, `passed`, `refused`, `skipped` or `failed`."""
    started_at: datetime | None
    """When it began, in UTC."""
    finished_at: datetime | None
    """When it ended, in UTC; None while it runs."""
    figures: Mapping[str, float]
    """What it measured, by name."""
    reason: str
    """Why it ended as it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """One retraining, as far as it has come; what is not known yet is None or empty."""

    retraining_id: str
    """Unique id of the retraining."""
    trigger: str
    """What requested it: `manual`, `new_data`, `schedule` or `degradation`."""
    trigger_figures: Mapping[str, float]
    """The numbers that made the trigger fire, by name."""
    files: tuple[str, ...]
    """The files whose rows made it fire."""
    reason: str
    """Why it was requested."""
    requested_by: str
    """Who or what requested it."""
    requested_at: datetime
    """When it was requested, in UTC."""
    started_at: datetime | None
    """When it was first begun, in UTC."""
    finished_at: datetime | None
    """When it got its verdict, in UTC."""
    stage: str
    """What it does: `waiting`, a stage, or `done`."""
    attempts: int
    """How often it was begun."""
    verdict: str
    """`promoted`, `refused` or `failed`; empty before it is known."""
    verdict_reason: str
    """Why, in a line."""
    data_sha256: str
    """SHA-256 of the table that it trained on."""
    data_rows: int
    """Number of rows of that table."""
    new_rows: int
    """Number of those that no promoted model had learnt from."""
    run_id: str
    """Id of the candidate's MLflow run."""
    model_version: str
    """Version of the candidate."""
    champion_version: str
    """Version that it was compared with."""
    comparison: ModelComparison | None
    """Both on the rows held out."""
    gates: tuple[RetrainingGate, ...]
    """The gates, in the order in which they were reached."""
    stages: tuple[StageEvidence, ...]
    """The stages of the challenger, in the order in which they were entered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingPage:
    """Part of a list of retrainings."""

    retrainings: tuple[Retraining, ...]
    """The retrainings, the newest first, without the slices of their comparisons."""
    next_page_token: str
    """Token of the next page; empty on the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingWatcher:
    """A process that waits for triggers and retrains."""

    process: str
    """Its name: host, process id and start."""
    seen_at: datetime
    """When it last reported, in UTC."""
    alive: bool
    """Whether that was in the last two minutes."""
    pending_rows: int
    """Rows it has accepted that no retraining has tried."""
    problem: str
    """What keeps it from working; empty without a problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingCount:
    """How many retrainings ended in one way."""

    trigger: str
    """What requested them."""
    verdict: str
    """Their verdict."""
    count: int
    """Their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingStatus:
    """The watchers, what waits and runs now, and counts of what there was."""

    watchers: tuple[RetrainingWatcher, ...]
    """The watchers seen in the last day."""
    waiting: int
    """Number of retrainings that wait."""
    waiting_since: datetime | None
    """When the oldest of them was requested, in UTC; None when none waits."""
    running: Retraining | None
    """The one that was begun and has no verdict; None without one."""
    lease_held: bool
    """Whether a process holds the lease to retrain; a retraining that was begun while none does has crashed."""
    last_finished: Retraining | None
    """The newest with a verdict; None without one."""
    last_compared: Retraining | None
    """The newest whose candidate was compared with the champion; None without one."""
    finished: tuple[RetrainingCount, ...]
    """Numbers of retrainings with a verdict."""
    promotions: int
    """Number of promotions on record."""
    rollbacks: int
    """Number of rollbacks on record."""
    last_rollback_at: datetime | None
    """The newest rollback, in UTC; None without one."""
