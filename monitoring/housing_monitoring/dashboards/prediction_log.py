"""The prediction log's dashboard: whether answers are recorded, and how fast."""

from housing_monitoring.dashboards.board import Board, Figure, Limits, Lines, Row
from housing_monitoring.dashboards.queries import quantiles, rate_by

_STATE = Row(
    title="State",
    panels=(
        Figure(
            title="Store",
            description="Whether the last write to the database succeeded.",
            query="min(housing_prediction_log_store_up)",
            up_or_down=True,
        ),
        Figure(
            title="Rows waiting",
            description="Answers that are in the journals on disk, and not in the database yet.",
            decimals=0,
            limits=Limits(orange=1_000, red=100_000),
            query="sum(housing_prediction_log_backlog_rows)",
        ),
        Figure(
            title="Bytes waiting",
            description="Size of these answers on disk.",
            unit="bytes",
            query="sum(housing_prediction_log_backlog_bytes)",
        ),
        Figure(
            title="Size of the store",
            description="Size of the database.",
            unit="bytes",
            query="sum(housing_prediction_log_size_bytes)",
        ),
    ),
)

_FLOW = Row(
    title="Flow",
    panels=(
        Lines(
            title="Answered and stored",
            description="Rows per second: while the database is down, storing stops, and catches up later.",
            unit="cps",
            series=(
                ("answered", "sum(rate(housing_predictions_total[$__rate_interval]))"),
                ("stored", "sum(rate(housing_prediction_log_rows_total[$__rate_interval]))"),
            ),
        ),
        Lines(
            title="Rows waiting through time",
            description="Answers that are in the journals on disk, and not in the database yet.",
            series=(("waiting", "sum(housing_prediction_log_backlog_rows)"),),
        ),
        Lines(
            title="Time to record answers",
            description="Before the responses are sent: the latency that the prediction log adds.",
            unit="s",
            series=quantiles("housing_prediction_log_append_seconds"),
        ),
        Lines(
            title="Time of a transaction",
            description="In which the database stores many answers; no caller waits for it.",
            unit="s",
            series=quantiles("housing_prediction_log_commit_seconds"),
        ),
        Lines(
            title="Failures",
            description="Failed writes to the database, and damaged journal lines, per second.",
            unit="cps",
            wide=True,
            series=(("{{stage}}", rate_by("stage", "housing_prediction_log_failures_total")),),
        ),
    ),
)

BOARD = Board(
    uid="california-housing-log",
    title="California housing: prediction log",
    description="Whether every answer is recorded, and how long that takes.",
    rows=(_STATE, _FLOW),
)
"""The dashboard of the prediction log."""
