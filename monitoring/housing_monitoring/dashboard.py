"""The Grafana dashboard of the service, written as code and kept as JSON beside Grafana's configuration.

`python -m housing_monitoring.dashboard > monitoring/grafana/dashboards/housing.json` writes it anew.
"""

from grafana_foundation_sdk.builders import bargauge, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, VizOrientation
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

UID = "california-housing"
"""Names the dashboard in Grafana's addresses."""

DATASOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
"""The data source that Grafana is provisioned with."""

_CALLS = 'grpc_service="housing.v1.PredictionService"'
_UNARY = f'{_CALLS}, grpc_type="unary"'  # how long a stream takes is its caller's choice

_VOLUME = "sum(increase(housing_predictions_total[$__range]))"
_MEAN_VALUE = (
    "sum(increase(housing_predicted_value_usd_sum[$__range]))"
    " / sum(increase(housing_predicted_value_usd_count[$__range]))"
)
_P95_TIME = f"histogram_quantile(0.95, sum by (le) (rate(grpc_server_handling_seconds_bucket{{{_UNARY}}}[$__range])))"
# The series of a code appears with the first call that ends in it: until then there is none to add up.
_ERROR_RATE = (
    f'(sum(increase(grpc_server_handled_total{{{_CALLS}, grpc_code!="OK"}}[$__range])) or vector(0))'
    f" / sum(increase(grpc_server_handled_total{{{_CALLS}}}[$__range]))"
)
_RATE = "sum by (model_version) (rate(housing_predictions_total[$__rate_interval]))"
_DISTRIBUTION = "sum by (le) (increase(housing_predicted_value_usd_bucket[$__range]))"
_VALUES_THROUGH_TIME = "sum by (le) (increase(housing_predicted_value_usd_bucket[$__rate_interval]))"
_GEOGRAPHY = "sum by (ocean_proximity) (increase(housing_predicted_value_usd_count[$__range]))"


def build() -> Dashboard:
    """Lay out the dashboard: four figures, then how predictions go through time, then what they are."""
    dashboard = (
        Dashboard("California housing")
        .uid(UID)
        .description("What the prediction service answers, how fast, and how often it cannot.")
        .tags(["housing"])
        .editable()
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
    )
    for number, panel in enumerate(_panels(), start=1):
        dashboard.with_panel(panel.id(number))
    return dashboard


def to_json(dashboard: Dashboard) -> str:
    """Render a dashboard as Grafana reads it from a file, ending in a newline."""
    return JSONEncoder(sort_keys=True, indent=2).encode(dashboard.build()) + "\n"


def _panels() -> tuple[stat.Panel | timeseries.Panel | heatmap.Panel | bargauge.Panel, ...]:
    return (
        _figure("Prediction volume", "Predictions answered in the time shown.", _VOLUME, "short").decimals(0),
        _figure("Mean predicted value", "Mean of the predictions in the time shown.", _MEAN_VALUE, "currencyUSD"),
        _figure("p95 response time", "95 % of unary prediction calls took no longer than this.", _P95_TIME, "s"),
        _figure("Error rate", "Share of prediction calls that ended in any code but OK.", _ERROR_RATE, "percentunit"),
        _predictions_over_time(),
        _values_through_time(),
        _bars(
            "Predicted value distribution", "Predictions in each range of value, named by its upper end."
        ).with_target(_query(_DISTRIBUTION, "{{le}}").instant().format(PromQueryFormat.HEATMAP)),
        _bars("Geography", "Predictions by where the block group lies relative to the sea.").with_target(
            _query(_GEOGRAPHY, "{{ocean_proximity}}").instant()
        ),
    )


def _query(expression: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id("A").expr(expression).legend_format(legend).datasource(DATASOURCE)


def _figure(title: str, description: str, expression: str, unit: str) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(6)
        .height(5)
        .unit(unit)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("no calls yet")
        .with_target(_query(expression, title).instant())
    )


def _predictions_over_time() -> timeseries.Panel:
    return (
        timeseries.Panel()
        .title("Predictions over time")
        .description("Predictions a second, by the model version that answered.")
        .datasource(DATASOURCE)
        .span(12)
        .height(9)
        .unit("reqps")
        .min(0)
        .with_target(_query(_RATE, "version {{model_version}}"))
    )


def _values_through_time() -> heatmap.Panel:
    return (
        heatmap.Panel()
        .title("Predicted values through time")
        .description("How many predictions fell into each range of value, and when.")
        .datasource(DATASOURCE)
        .span(12)
        .height(9)
        .y_axis(heatmap.YAxisConfig().unit("currencyUSD"))
        .with_target(_query(_VALUES_THROUGH_TIME, "{{le}}").format(PromQueryFormat.HEATMAP))
    )


def _bars(title: str, description: str) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .span(12)
        .height(9)
        .unit("short")
        .decimals(0)
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )


if __name__ == "__main__":
    print(to_json(build()), end="")  # noqa: T201 - the JSON is this program's output
