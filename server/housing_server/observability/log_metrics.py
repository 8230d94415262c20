"""Metrics of a process's own log."""

from prometheus_client import CollectorRegistry, Counter

from housing_server.observability.logs import LineBuffer


def count_dropped_lines(lines: LineBuffer, process: str, registry: CollectorRegistry) -> None:
    """Count the log lines that are dropped because their reader does not keep up.

    Args:
        lines: writes the lines.
        process: the process's name.
        registry: registers the counter.
    """
    dropped = Counter(
        "housing_log_lines_dropped",
        "Log lines dropped because their reader did not keep up.",
        ("process",),
        registry=registry,
    )
    lines.on_drop = dropped.labels(process).inc
