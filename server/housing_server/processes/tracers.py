"""The tracer of a process's calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from housing_server.observability.tracing_options import read_tracing

if TYPE_CHECKING:
    from housing_server.observability.tracing import SpanTracer


def open_tracer(
    environment: Mapping[str, str], process: str, log: structlog.typing.FilteringBoundLogger
) -> SpanTracer | None:
    """Create the tracer, if tracing is on."""
    options = read_tracing(environment)
    if options is None:
        return None
    from housing_server.observability.tracing import SpanTracer  # noqa: PLC0415 - an extra, which costs time and memory

    return SpanTracer.exporting(options.endpoint, process, log)
