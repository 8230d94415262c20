"""The main dashboard: predictions, latency, failures, and closeness to limits."""

from housing_monitoring.dashboards.board import Bars, Board, Figure, Heatmap, Limits, Lines, Map, Row
from housing_monitoring.dashboards.queries import quantiles, rate_by

_CALLS = 'grpc_service="housing.v1.PredictionService"'
_UNARY = f'{_CALLS}, grpc_type="unary"'  # the duration of a stream is its caller's choice
_FAULTS = 'grpc_code=~"UNKNOWN|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|DATA_LOSS"'
_ROWS_OF_RUNS = "sum(rate(housing_batch_rows_sum[$__rate_interval]))"
_RUNS = "sum(rate(housing_batch_rows_count[$__rate_interval]))"


def _share(codes: str) -> str:
    """Return the query of the share of prediction calls with some codes, over time."""
    ended = f"sum(rate(grpc_server_handled_total{{{_CALLS}, {codes}}}[$__rate_interval]))"
    return f"({ended} or vector(0)) / sum(rate(grpc_server_handled_total{{{_CALLS}}}[$__rate_interval]))"


_PREDICTIONS = Row(
    title="Predictions",
    panels=(
        Figure(
            title="Prediction volume",
            description="Predictions made in the time shown.",
            decimals=0,
            query="sum(increase(housing_predictions_total[$__range]))",
        ),
        Figure(
            title="Mean predicted value",
            description="Mean of the predictions in the time shown.",
            unit="currencyUSD",
            query="sum(increase(housing_predicted_value_usd_sum[$__range]))"
            " / sum(increase(housing_predicted_value_usd_count[$__range]))",
        ),
        Figure(
            title="p95 response time",
            description="95 % of unary prediction calls took no longer than this.",
            unit="s",
            query="histogram_quantile(0.95, sum by (le) (rate("
            f"grpc_server_handling_seconds_bucket{{{_UNARY}}}[$__range])))",
        ),
        Figure(
            title="Error rate",
            description="Share of prediction calls with a fault of the service; for callers' mistakes see below.",
            unit="percentunit",
            # The series of a code appears with its first call: until then there is nothing to sum.
            query=f"(sum(increase(grpc_server_handled_total{{{_CALLS}, {_FAULTS}}}[$__range])) or vector(0))"
            f" / sum(increase(grpc_server_handled_total{{{_CALLS}}}[$__range]))",
        ),
        Lines(
            title="Predictions over time",
            description="Predictions per second, by model version.",
            unit="reqps",
            series=(("version {{model_version}}", rate_by("model_version", "housing_predictions_total")),),
        ),
        Heatmap(
            title="Predicted values through time",
            description="Number of predictions in each range of value, over time.",
            unit="currencyUSD",
            query="sum by (le) (increase(housing_predicted_value_usd_bucket[$__rate_interval]))",
        ),
        Bars(
            title="Predicted value distribution",
            description="Predictions in each range of value, named by its upper end.",
            decimals=0,
            query="sum by (le) (increase(housing_predicted_value_usd_bucket[$__range]))",
            legend="{{le}}",
            buckets=True,
        ),
        Map(
            title="Geography",
            description="Where the block groups of the monitor's window of predictions lie, by cell of one degree.",
            query="sum by (latitude, longitude) (housing_window_predictions)",
        ),
        Bars(
            title="By the sea or inland",
            description="Predictions by where the block group lies relative to the sea.",
            decimals=0,
            query="sum by (ocean_proximity) (increase(housing_predicted_value_usd_count[$__range]))",
            legend="{{ocean_proximity}}",
        ),
        Lines(
            title="Callers' mistakes and refusals",
            description="Share of prediction calls that were invalid, or refused under overload.",
            unit="percentunit",
            series=(
                ("invalid", _share('grpc_code="INVALID_ARGUMENT"')),
                ("overload", _share('grpc_code="RESOURCE_EXHAUSTED"')),
            ),
        ),
    ),
)

_CALL_ENDS = Row(
    title="Calls",
    panels=(
        Lines(
            title="Calls by method",
            description="Finished calls per second, of all services.",
            unit="reqps",
            series=(
                ("{{grpc_method}}", rate_by("grpc_method", "grpc_server_handled_total", 'grpc_service=~"housing.+"')),
            ),
        ),
        Lines(
            title="Prediction calls by code",
            description="Finished prediction calls per second.",
            unit="reqps",
            series=(("{{grpc_code}}", rate_by("grpc_code", "grpc_server_handled_total", _CALLS)),),
        ),
        Lines(
            title="Response time",
            description="Half, 95 % and 99 % of unary prediction calls took no longer than this.",
            unit="s",
            series=quantiles("grpc_server_handling_seconds", _UNARY),
        ),
        Lines(
            title="Rules broken",
            description="Violations of rules in refused requests per second, by field.",
            unit="cps",
            series=(("{{field}}: {{rule}}", rate_by("field, rule", "housing_validation_failures_total")),),
        ),
    ),
)

_GOAL = Row(
    title="The goal: 99.9 % of the prediction calls of 30 days end without a fault of the service",
    panels=(
        Figure(
            title="Error budget left",
            description="Share of the allowed 0.1 % that has not been used yet.",
            unit="percentunit",
            limits=Limits(orange=0.25, red=0),
            query="1 - sum(increase(instance:housing_prediction_faults:sum[30d]))"
            " / sum(increase(instance:housing_prediction_calls:sum[30d])) / 0.001",
        ),
        Figure(
            title="Faults in the last hour",
            description="Share of prediction calls that ended in INTERNAL, UNAVAILABLE or another code that is the"
            " service's fault.",
            unit="percentunit",
            limits=Limits(orange=0.001, red=0.0144),
            query="housing:prediction_fault_ratio:rate1h",
        ),
        Figure(
            title="p99 of single predictions",
            description="99 % of the Predict calls of the last five minutes took no longer than this.",
            unit="s",
            limits=Limits(orange=0.05, red=0.1),
            query="housing:prediction_seconds:p99_rate5m",
        ),
        Figure(
            title="Alerts that fire",
            description="Alertmanager's page lists them; docs/runbook.md says what to do.",
            limits=Limits(orange=1, red=3),
            query='count(ALERTS{alertstate="firing"}) or vector(0)',
        ),
        Lines(
            title="Faults through time",
            description="Share of prediction calls that ended by the service's fault, over the windows of the alerts.",
            unit="percentunit",
            wide=True,
            series=(
                ("five minutes", "housing:prediction_fault_ratio:rate5m"),
                ("one hour", "housing:prediction_fault_ratio:rate1h"),
                ("six hours", "housing:prediction_fault_ratio:rate6h"),
            ),
        ),
    ),
)

_ADMISSION = Row(
    title="Admission and queue",
    panels=(
        Lines(
            title="Block groups in flight",
            description="Block groups of calls in flight.",
            series=(("in flight", "sum(housing_rows_in_flight)"),),
        ),
        Lines(
            title="Calls refused",
            description="Calls refused per second as RESOURCE_EXHAUSTED, by what is exceeded.",
            unit="reqps",
            series=(("{{reason}}", rate_by("reason", "housing_admission_refusals_total")),),
        ),
        Lines(
            title="Time in the queue",
            description="From the arrival of a run's first row to the start of the run.",
            unit="s",
            series=quantiles("housing_queue_seconds"),
        ),
        Lines(
            title="Time in the model",
            description="Of one run, which may answer many rows.",
            unit="s",
            series=quantiles("housing_inference_seconds"),
        ),
        Lines(
            title="Rows in a run",
            description="Mean number of block groups that one run of the model answers.",
            wide=True,
            series=(("mean", f"{_ROWS_OF_RUNS} / {_RUNS}"),),
        ),
    ),
)

BOARD = Board(
    uid="california-housing",
    title="California housing",
    description="What the prediction service predicts, how fast, and how often it fails.",
    rows=(_PREDICTIONS, _CALL_ENDS, _GOAL, _ADMISSION),
)
"""The first dashboard to open."""
