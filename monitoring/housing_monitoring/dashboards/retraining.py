"""The retraining dashboard: what runs and waits, what came of it, and changes of the champion."""

from housing_monitoring.dashboards.board import Bars, Board, Figure, Limits, Lines, Row

_DAY = 86_400

_NOW = Row(
    title="Now",
    panels=(
        Figure(
            title="Watchers",
            description="Watchers that have reported in the last two minutes.",
            decimals=0,
            query="max(housing_retraining_watchers_alive)",
        ),
        Figure(
            title="Running",
            description="Retrainings that were begun and have no verdict.",
            decimals=0,
            query="max(housing_retraining_running)",
        ),
        Figure(
            title="Waiting",
            description="Retrainings that wait.",
            decimals=0,
            query="max(housing_retraining_waiting)",
        ),
        Figure(
            title="Pending rows",
            description="Accepted rows that no retraining has tried.",
            decimals=0,
            query="max(housing_retraining_pending_rows)",
        ),
        Lines(
            title="Running and waiting",
            description="Retrainings through time.",
            series=(
                ("running", "max(housing_retraining_running)"),
                ("waiting", "max(housing_retraining_waiting)"),
                ("lease held", "max(housing_retraining_lease_held)"),
            ),
        ),
        Lines(
            title="Pending rows through time",
            description="Accepted rows that no retraining has tried.",
            series=(("rows", "max(housing_retraining_pending_rows)"),),
        ),
    ),
)

_RESULTS = Row(
    title="Results",
    panels=(
        Bars(
            title="Retrainings",
            description="Retrainings on record, by trigger and verdict.",
            decimals=0,
            query="max by (trigger, verdict) (housing_retrainings_on_record)",
            legend="{{trigger}}: {{verdict}}",
        ),
        Lines(
            title="Candidate and champion",
            description="Error of the last candidate, and of the champion beside it, on the rows held out.",
            unit="currencyUSD",
            from_zero=False,
            series=(
                (
                    "{{model}}, version {{model_version}}",
                    "max by (model, model_version) (housing_retraining_root_mean_squared_error_usd)",
                ),
            ),
        ),
        Lines(
            title="Difference of errors",
            description="Error of the last candidate minus that of the champion, with its interval.",
            unit="currencyUSD",
            from_zero=False,
            series=(
                ("difference", "max(housing_retraining_error_difference_usd)"),
                ("low", "max(housing_retraining_error_difference_low_usd)"),
                ("high", "max(housing_retraining_error_difference_high_usd)"),
            ),
        ),
        Bars(
            title="Stages of the challenger",
            description="What gates, shadow and canary of the last candidate measured.",
            query="max by (stage, figure) (housing_retraining_stage_figure)",
            legend="{{stage}}: {{figure}}",
        ),
        Figure(
            title="Last retraining",
            description="Time since the last retraining ended.",
            unit="s",
            query="time() - max(housing_retraining_last_finished_timestamp_seconds)",
        ),
        Figure(
            title="Duration",
            description="How long the last retraining took.",
            unit="s",
            query="max(housing_retraining_last_duration_seconds)",
        ),
        Figure(
            title="Watchers that fail",
            description="Watchers whose last piece of work failed.",
            decimals=0,
            limits=Limits(orange=1, red=2),
            query="max(housing_retraining_watchers_failing)",
        ),
    ),
)

_CHAMPION = Row(
    title="Champion",
    panels=(
        Figure(
            title="Age of the champion",
            description="Time since the training of the served model began.",
            unit="s",
            limits=Limits(orange=60 * _DAY, red=90 * _DAY),
            query="time() - max(housing_champion_trained_timestamp_seconds)",
        ),
        Figure(
            title="Promotions",
            description="Promotions on record.",
            decimals=0,
            query="max(housing_champion_promotions)",
        ),
        Figure(
            title="Rollbacks",
            description="Rollbacks on record.",
            decimals=0,
            query="max(housing_champion_rollbacks)",
        ),
        Figure(
            title="Last rollback",
            description="Time since the champion was last rolled back.",
            unit="s",
            query="time() - max(housing_champion_last_rollback_timestamp_seconds)",
        ),
    ),
)

BOARD = Board(
    uid="california-housing-retraining",
    title="California housing: retraining",
    description="What runs and waits, what came of it, and changes of the champion.",
    rows=(_NOW, _RESULTS, _CHAMPION),
)
"""The dashboard of those who keep the model up to date."""
