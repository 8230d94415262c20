"""Settings, from the environment: read once at the entry point and passed down."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from housing.addresses import join_address
from housing.environment import EnvironmentSettings, settings_from_environment
from housing.sqlite_uris import sqlite_uri
from housing_retraining.errors import InvalidSettings

Switch = Literal["on", "off"]

_DAY = 86_400.0


def _default_log(known: dict[str, Path]) -> str:
    return sqlite_uri(known.get("state_dir", Path()) / "predictions.db")


class RetrainingSettings(EnvironmentSettings):
    """How `housing retrain` runs: each field is the variable `HOUSING_<FIELD>`."""

    state_dir: Path = Path("var")
    """Where rows and work directories are kept, in `retraining/`, and the registry when no other is named."""
    prediction_log: str = Field(default_factory=_default_log)
    """Where retrainings are on record: the store of the prediction log."""
    log_level: Literal["info", "warning", "error"] = "info"
    """Events of lower levels are not logged."""
    grpc_host: str = "127.0.0.1"
    """Host of the gRPC services, which are asked for live errors."""
    grpc_port: int = Field(default=50051, gt=0, le=65535)
    """Port of the gRPC services."""

    incoming_dir: Path = Path("data/incoming")
    """Where people drop files with new rows."""
    accepted_dir: Path = Path("data/accepted")
    """Where files go whose rows were taken, each with a report."""
    rejected_dir: Path = Path("data/rejected")
    """Where files go that were not, each with a report that says why."""
    retraining_settle_seconds: float = Field(default=5, ge=0, le=3600, allow_inf_nan=False)
    """How long size and time of a dropped file must have stayed the same before it is read."""
    retraining_scan_seconds: float = Field(default=30, gt=0, le=_DAY, allow_inf_nan=False)
    """How often the folder is looked through, and triggers are asked, where nothing is reported."""
    retraining_max_rows: int = Field(default=1_000_000, ge=100, le=100_000_000)
    """The most rows that the table may grow to; a file that would make it larger is rejected."""
    retraining_bad_share: float = Field(default=0.1, ge=0, le=1)
    """A file in which a larger share of the rows is wrong is rejected whole: the fault is systematic."""

    retraining_on_new_data: Switch = "on"
    """Whether new rows lead to a retraining."""
    retraining_new_rows: int = Field(default=500, ge=1, le=100_000_000)
    """How many new rows do."""
    retraining_new_data_cooldown_seconds: float = Field(default=3600, ge=0, le=365 * _DAY, allow_inf_nan=False)
    """How long after a retraining on new data there is no other one."""
    retraining_schedule: str = ""
    """When to retrain whatever happened, as a cron expression in UTC, such as `0 3 * * 0`; empty for never."""
    retraining_on_degradation: Switch = "on"
    """Whether worse live answers lead to a retraining."""
    retraining_error_factor: float = Field(default=1.3, gt=1, le=1000, allow_inf_nan=False)
    """How many times the error of training the live error must be."""
    retraining_coverage_shortfall: float = Field(default=0.1, gt=0, lt=1)
    """By how much the live coverage of the intervals must be below that of training."""
    retraining_drift_psi: float = Field(default=0.5, gt=0, le=100, allow_inf_nan=False)
    """How far a field of the requests, or the answers, must have drifted, as a population stability index."""
    retraining_minimum_outcomes: int = Field(default=200, ge=1, le=100_000_000)
    """With fewer true prices on record, live answers are not judged."""
    retraining_estimated_error_factor: float = Field(default=0.0, ge=0, le=1000, allow_inf_nan=False)
    """How many times the error of training the error must be that is estimated without true prices; 0 to ignore it."""
    retraining_degradation_cooldown_seconds: float = Field(default=_DAY, ge=0, le=365 * _DAY, allow_inf_nan=False)
    """How long after a retraining on worse answers there is no other one."""

    retraining_margin: float = Field(default=0.0, ge=0, lt=1)
    """By which share of the champion's RMSE a candidate must be better, beyond chance."""
    retraining_confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """The probability that `beyond chance` means: of the bootstrap intervals."""
    retraining_slice_tolerance: float = Field(default=0.1, ge=0, le=10)
    """By which share a candidate may be worse on a slice of the rows; more, beyond chance, is refused."""
    retraining_slice_rows: int = Field(default=50, ge=2, le=1_000_000)
    """Slices with fewer rows are not judged."""
    retraining_coverage_tolerance: float = Field(default=0.05, gt=0, lt=1)
    """How far the coverage of a candidate's intervals may be from what they promise."""
    retraining_latency_ratio: float = Field(default=10, ge=0, le=1e6, allow_inf_nan=False)
    """How many times as long as the champion a candidate may take for a row; 0 for any."""
    retraining_gates: Switch = "on"
    """Whether a challenger must pass gates: off, what was trained goes on to the next stage."""
    retraining_replay_rows: int = Field(default=10_000, ge=1, le=10_000_000)
    """How many of the last day's requests are replayed through a candidate, the newest."""
    retraining_traffic_tolerance: float = Field(default=0.5, gt=0, le=100, allow_inf_nan=False)
    """From which share of the served price the difference of a candidate's is wild, in replay and shadow."""
    retraining_traffic_wild_share: float = Field(default=0.05, ge=0, le=1)
    """The share of answers that may differ wildly; more is refused, unless true prices show that they are better."""
    retraining_traffic_psi: float = Field(default=0.5, gt=0, le=100, allow_inf_nan=False)
    """How far the distribution of a candidate's answers may be from those served, as a population stability index."""
    retraining_shadow: Switch = "on"
    """Whether live requests are asked of a candidate as well, before it is promoted."""
    retraining_shadow_seconds: float = Field(default=600, gt=0, le=7 * _DAY, allow_inf_nan=False)
    """How long a shadow lasts at most; where nothing was asked for as long, it is skipped."""
    retraining_shadow_rows: int = Field(default=1_000, ge=1, le=10_000_000)
    """After how many requests a shadow ends."""
    retraining_shadow_minimum_rows: int = Field(default=50, ge=2, le=10_000_000)
    """With fewer requests a shadow is not judged."""
    retraining_shadow_processor_share: float = Field(default=0.1, gt=0, le=1)
    """How much of one processor a shadow may use."""
    retraining_shadow_keep_rows: int = Field(default=100_000, ge=0, le=1_000_000_000)
    """How many answers of earlier shadows are kept, for as long as what they answer is on record."""
    retraining_canary: Switch = "off"
    """Whether a candidate answers a share of the calls before it is promoted."""
    retraining_canary_share: float = Field(default=0.1, gt=0, le=1)
    """Its share of the calls."""
    retraining_canary_seconds: float = Field(default=600, gt=0, le=7 * _DAY, allow_inf_nan=False)
    """How long a canary lasts at most."""
    retraining_canary_rows: int = Field(default=500, ge=1, le=100_000)
    """After how many of its answers a canary ends."""
    retraining_canary_minimum_rows: int = Field(default=50, ge=1, le=100_000)
    """With fewer of its answers a canary is not judged."""
    retraining_canary_latency_ratio: float = Field(default=2, ge=0, le=1e6, allow_inf_nan=False)
    """How many times the champion's median latency that of a canary may be; 0 for any."""
    retraining_rollback: Switch = "on"
    """Whether a promotion is rolled back when its live errors are worse than before, beyond chance."""
    retraining_rollback_outcomes: int = Field(default=100, ge=10, le=100_000_000)
    """With fewer true prices a promotion is not judged."""
    retraining_rollback_days: float = Field(default=14, gt=0, le=3650, allow_inf_nan=False)
    """How long a promotion is watched, and how far back the version before is looked at."""
    retraining_rollback_margin: float = Field(default=0.02, ge=0, le=10)
    """By which share of the RMSE before a promotion must be worse, beyond chance."""
    retraining_niceness: int = Field(default=10, ge=0, le=19)
    """How far a retraining gives way to everything else on its machine; with 0 the pipeline does not wait for idle
    processors either."""
    retraining_threads: int = Field(default=1, ge=1, le=256)
    """Threads of linear algebra in each process of a retraining."""
    retraining_attempts: int = Field(default=2, ge=1, le=100)
    """How often a retraining is begun, after crashes, before it counts as failed."""
    retraining_lease_seconds: float = Field(default=60, ge=0.1, le=_DAY, allow_inf_nan=False)
    """After how long without a sign of life another machine may retrain."""
    retraining_keep: int = Field(default=3, ge=0, le=10_000)
    """How many work directories of finished retrainings are kept."""

    @field_validator("retraining_schedule")
    @classmethod
    def _is_cron(cls, expression: str) -> str:
        if expression:
            from datetime import UTC, datetime  # noqa: PLC0415 - seldom set

            from cronsim import CronSim, CronSimError  # noqa: PLC0415

            try:
                CronSim(expression, datetime.now(UTC))
            except CronSimError as error:
                raise ValueError(f"no cron expression: {error}") from error
        return expression

    @property
    def folder(self) -> Path:
        """Where everything of retrainings is."""
        return self.state_dir / "retraining"

    @property
    def target(self) -> str:
        """Where the gRPC services are."""
        return join_address(self.grpc_host, self.grpc_port)


def read_settings() -> RetrainingSettings:
    """Read the settings from the environment.

    Raises:
        InvalidSettings: a variable's value is not allowed; the message names each such variable.
    """
    return settings_from_environment(RetrainingSettings, InvalidSettings)
