"""The events marked on every dashboard."""

from housing_monitoring.dashboards.board import Event

EVENTS = (
    Event(
        name="New model",
        query='sum by (instance) (increase(housing_model_swap_total{result="accepted"}[$__rate_interval])) > 0',
        text="{{instance}} serves a new version",
        color="blue",
    ),
    Event(
        name="Model refused",
        query='sum by (instance) (increase(housing_model_swap_total{result=~"refused|failed"}[$__rate_interval])) > 0',
        text="{{instance}} keeps the version before",
        color="orange",
    ),
    Event(
        name="Worker restarted",
        query="sum by (instance) (increase(housing_worker_restarts_total[$__rate_interval])) > 0",
        text="{{instance}}",
        color="red",
    ),
    Event(
        name="Alert",
        query='max by (alertname, severity) (ALERTS{alertstate="firing", severity!="info"})',
        text="{{alertname}}",
        color="purple",
    ),
)
"""The events, on every dashboard."""
