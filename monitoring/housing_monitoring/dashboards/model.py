"""The model dashboard: its live error, the drift of its inputs, and its versions."""

from housing.features import FEATURES
from housing_monitoring.dashboards.board import Bars, Board, Figure, Limits, Lines, Row
from housing_monitoring.dashboards.queries import rate_by

_LIVE, _TRAINING = "live, version {{model_version}}", "training, version {{model_version}}"

_OPTIONAL = " and ".join(f"`{each.name}`" for each in FEATURES if not each.required)
_MISSING = "max by (feature) (housing_drift_missing_ratio)"

_QUALITY = Row(
    title="Live against training",
    panels=(
        Figure(
            title="Outcomes known",
            description="Predictions with a known true price.",
            decimals=0,
            query="sum(housing_live_outcomes)",
        ),
        Figure(
            title="Live error against training",
            description="Live root mean squared error, as a multiple of that of the rows held out in training.",
            decimals=2,
            limits=Limits(orange=1.1, red=1.25),
            query="max(housing_live_root_mean_squared_error_usd / housing_training_root_mean_squared_error_usd)",
        ),
        Figure(
            title="Bias",
            description="Mean of answer minus true price.",
            unit="currencyUSD",
            query="avg(housing_live_bias_usd)",
        ),
        Figure(
            title="Interval coverage",
            description="Share of intervals that hold the true price: 90 % should.",
            unit="percentunit",
            limits=Limits(orange=0.9, red=0.85),
            query="min(housing_live_interval_coverage_ratio)",
        ),
        Lines(
            title="Root mean squared error",
            description="Of predictions with a known true price, and of the rows held out in training.",
            unit="currencyUSD",
            series=(
                (_LIVE, "housing_live_root_mean_squared_error_usd"),
                (_TRAINING, "housing_training_root_mean_squared_error_usd"),
            ),
        ),
        Lines(
            title="Mean absolute error",
            description="Of predictions with a known true price, and of the rows held out in training.",
            unit="currencyUSD",
            series=(
                (_LIVE, "housing_live_mean_absolute_error_usd"),
                (_TRAINING, "housing_training_mean_absolute_error_usd"),
            ),
        ),
        Lines(
            title="Interval coverage through time",
            description="Share of intervals that hold the true price, live and of the rows held out in training.",
            unit="percentunit",
            from_zero=False,
            series=(
                (_LIVE, "housing_live_interval_coverage_ratio"),
                (_TRAINING, "housing_training_interval_coverage_ratio"),
            ),
        ),
        Lines(
            title="Outcomes received",
            description="True prices received per second, by result.",
            unit="cps",
            series=(("{{result}}", rate_by("result", "housing_outcomes_total")),),
        ),
    ),
)

_ESTIMATE = Row(
    title="Estimated error: from intervals alone, before true prices are known",
    panels=(
        Figure(
            title="Estimated error against training",
            description="Least root mean squared error of recent answers, as a multiple of that of training.",
            decimals=2,
            limits=Limits(orange=1.1, red=1.25),
            query=(
                "max(housing_estimated_root_mean_squared_error_lower_usd"
                " / housing_training_root_mean_squared_error_usd)"
            ),
        ),
        Figure(
            title="Answers estimated",
            description="Recent answers whose errors are estimated.",
            decimals=0,
            query="sum(housing_estimated_rows)",
        ),
        Figure(
            title="Estimate against outcomes",
            description="Estimated mean absolute error of answers with a true price, as a multiple of their error.",
            decimals=2,
            query="max(housing_estimate_mean_absolute_error_ratio)",
        ),
        Figure(
            title="Answers checked",
            description="Answers with a true price whose estimate was checked.",
            decimals=0,
            query="sum(housing_estimate_checked_rows)",
        ),
        Lines(
            title="Estimated root mean squared error",
            description="Of recent answers, with the band that holds it with 95 %.",
            unit="currencyUSD",
            series=(
                ("estimate, version {{model_version}}", "housing_estimated_root_mean_squared_error_usd"),
                ("at least", "housing_estimated_root_mean_squared_error_lower_usd"),
                ("at most", "housing_estimated_root_mean_squared_error_upper_usd"),
                (_TRAINING, "housing_training_root_mean_squared_error_usd"),
            ),
        ),
        Lines(
            title="Estimated mean absolute error",
            description="Of recent answers, with the band that holds it with 95 %.",
            unit="currencyUSD",
            series=(
                ("estimate, version {{model_version}}", "housing_estimated_mean_absolute_error_usd"),
                ("at least", "housing_estimated_mean_absolute_error_lower_usd"),
                ("at most", "housing_estimated_mean_absolute_error_upper_usd"),
                (_TRAINING, "housing_training_mean_absolute_error_usd"),
            ),
        ),
    ),
)

_DRIFT = Row(
    title="Drift: the last predictions against the rows of training",
    panels=(
        Bars(
            title="Population stability index",
            description=(
                "How far each field is from training: up to 0.1 is stable, over 0.2 is a shift. A field that too few "
                "predictions have is not compared."
            ),
            decimals=2,
            limits=Limits(orange=0.1, red=0.2),
            query="sort_desc(max by (feature) (housing_drift_psi))",
            legend="{{feature}}",
        ),
        Lines(
            title="Population stability index through time",
            description="The same, through time.",
            series=(("{{feature}}", "max by (feature) (housing_drift_psi)"),),
        ),
        Lines(
            title="Two-sample statistic",
            description="Kolmogorov-Smirnov's distance for numbers, chi-square for text.",
            series=(("{{feature}}", "max by (feature) (housing_drift_statistic)"),),
        ),
        Lines(
            title="Two-sample p-value",
            description="Probability of such a statistic without a shift; with many rows any shift makes it small.",
            series=(("{{feature}}", "min by (feature) (housing_drift_p_value)"),),
        ),
        Lines(
            title="Optional fields left out by callers (no fault: the model imputes them)",
            description=(
                "Share of the predictions without a value of the field. The contract lets callers leave out "
                f"{_OPTIONAL}; the model imputes them, the proximity from the place. 100 % is usual where callers do "
                "not know a field. After a sudden change look at what callers send."
            ),
            unit="percentunit",
            wide=True,
            series=(("{{feature}}", _MISSING),),
        ),
        Figure(
            title="Rows compared",
            description="Predictions in the window that is compared.",
            decimals=0,
            query="sum(housing_drift_window_rows)",
        ),
        Figure(
            title="Last comparison",
            description="Time since the monitor's last comparison.",
            unit="s",
            limits=Limits(orange=120, red=900),
            query="time() - max(housing_drift_last_run_timestamp_seconds)",
        ),
        Figure(
            title="Failed checks",
            description="Failed checks of the service by the monitor, in the time shown.",
            decimals=0,
            query="sum(increase(housing_monitor_failures_total[$__range]))",
        ),
        Figure(
            title="Monitor",
            description="Whether Prometheus can scrape the monitor.",
            query='max(up{job="housing-monitor"})',
            up_or_down=True,
        ),
    ),
)

_VERSIONS = Row(
    title="Versions",
    panels=(
        Figure(
            title="Model served",
            description="Name, version and algorithm of the model that answers.",
            query="housing_model_info",
            legend="{{name}} {{version}}, {{algorithm}}",
        ),
        Figure(
            title="Registry failures",
            description="Failed lookups of the version to serve, in the time shown.",
            decimals=0,
            query="sum(increase(housing_registry_failures_total[$__range]))",
        ),
        Bars(
            title="New versions",
            description="Versions in the time shown that were accepted, refused after a trial, or not available.",
            decimals=0,
            query="sum by (result) (increase(housing_model_swap_total[$__range]))",
            legend="{{result}}",
        ),
        Figure(
            title="Canary",
            description="Share of the calls that a canary answers, by its version.",
            unit="percentunit",
            query="max by (model_version) (housing_canary_share_ratio)",
        ),
        Bars(
            title="Canaries ended",
            description="Canaries in the time shown that the service has ended, by cause.",
            decimals=0,
            query="sum by (cause) (increase(housing_canary_withdrawals_total[$__range]))",
            legend="{{cause}}",
        ),
    ),
)

BOARD = Board(
    uid="california-housing-model",
    title="California housing: model",
    description="Quality of the predictions, drift of the inputs since training, and versions.",
    rows=(_QUALITY, _ESTIMATE, _DRIFT, _VERSIONS),
)
"""The dashboard of those who own the model."""
