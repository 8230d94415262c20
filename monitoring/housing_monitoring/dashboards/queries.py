"""Queries that several dashboards ask in the same words."""


def rate_by(label: str, counter: str, selection: str = "") -> str:
    """Word how fast a counter rises, by a label of its, through time."""
    return f"sum by ({label}) (rate({counter}{{{selection}}}[$__rate_interval]))"


def quantiles(histogram: str, selection: str = "") -> tuple[tuple[str, str], ...]:
    """Word the middle of a histogram and its upper end, through time, with their legends."""
    buckets = rate_by("le", f"{histogram}_bucket", selection)
    return tuple((f"p{share}", f"histogram_quantile({share / 100}, {buckets})") for share in (50, 95, 99))
