"""What a process counts of its own log."""

from prometheus_client import CollectorRegistry, Counter

from housing_server.observability.logs import LineBuffer


def count_dropped_lines(lines: LineBuffer, process: str, registry: CollectorRegistry) -> None:
    """Count the lines that are dropped, since whoever reads them does not keep up.

    Args:
        lines: writes them.
        process: the process's name.
        registry: what the count is part of.
    """
    dropped = Counter(
        "housing_log_lines_dropped",
        "Log lines that were dropped, since whoever reads them does not keep up.",
        ("process",),
        registry=registry,
    )
    lines.on_drop = dropped.labels(process).inc
