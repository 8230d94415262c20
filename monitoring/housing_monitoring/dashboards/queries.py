"""Queries that several dashboards share."""


def rate_by(label: str, counter: str, selection: str = "") -> str:
    """Return the query of a counter's rate, by a label, over time."""
    return f"sum by ({label}) (rate({counter}{{{selection}}}[$__rate_interval]))"


def quantiles(histogram: str, selection: str = "") -> tuple[tuple[str, str], ...]:
    """Return the queries of a histogram's 50th, 95th and 99th percentile over time, with their legends."""
    buckets = rate_by("le", f"{histogram}_bucket", selection)
    return tuple((f"p{share}", f"histogram_quantile({share / 100}, {buckets})") for share in (50, 95, 99))
