"""Retrainings on record, as the service describes them."""

from datetime import UTC, datetime

from housing_client import (
    ErrorDifference,
    Model,
    ModelComparison,
    ModelQuality,
    Retraining,
    RetrainingCount,
    RetrainingStatus,
    RetrainingWatcher,
    StageEvidence,
)
from housing_monitoring.retraining_gauges import Records


def at(seconds: int) -> datetime:
    """Return a time so many seconds after the epoch."""
    return datetime.fromtimestamp(seconds, UTC)


def quality(error: float) -> ModelQuality:
    """Make a quality with a root mean squared error in USD."""
    return ModelQuality(
        root_mean_squared_error=error, mean_absolute_error=error / 2, interval_coverage=None, promised_coverage=None
    )


REFUSED = Retraining(
    retraining_id="019caefa-2400-7000-8000-000000000000",
    trigger="new_data",
    trigger_figures={},
    files=(),
    reason="500 new rows",
    requested_by="the trigger new_data",
    requested_at=at(100),
    started_at=at(200),
    finished_at=at(350),
    stage="done",
    attempts=1,
    verdict="refused",
    verdict_reason="not better",
    data_sha256="",
    data_rows=1,
    new_rows=1,
    run_id="",
    model_version="8",
    champion_version="7",
    comparison=ModelComparison(
        rows=9,
        new_rows=1,
        areas=2,
        candidate=quality(42_000),
        champion=quality(41_000),
        random=ErrorDifference(root_mean_squared_error=1_000, low=-500, high=2_500),
        by_area=ErrorDifference(root_mean_squared_error=1_000, low=None, high=None),
        slices=(),
    ),
    gates=(),
    stages=(
        StageEvidence(
            name="shadow", state="passed", started_at=at(300), finished_at=at(340), figures={"psi": 0.01}, reason=""
        ),
    ),
)
RECORDS = Records(
    status=RetrainingStatus(
        watchers=(RetrainingWatcher(process="a:1:2", seen_at=at(390), alive=True, pending_rows=70, problem="no disk"),),
        waiting=1,
        waiting_since=at(380),
        running=REFUSED,
        lease_held=True,
        last_finished=REFUSED,
        last_compared=REFUSED,
        finished=(RetrainingCount(trigger="new_data", verdict="refused", count=3),),
        promotions=2,
        rollbacks=1,
        last_rollback_at=at(50),
    ),
    model=Model(
        name="california-housing",
        version="7",
        alias="champion",
        run_id="a",
        algorithm="student",
        runtime="onnx",
        trained_at=at(10),
        data_sha256="",
        git_commit="",
        metrics={},
        features=(),
    ),
)
"""What there is when all of it is known."""
