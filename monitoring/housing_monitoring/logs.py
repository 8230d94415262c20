"""Logs: one JSON object per line on standard output."""

import logging
import sys

import orjson
import structlog

Log = structlog.typing.FilteringBoundLogger
"""The type of the logger."""


def configure_logging(level: str = "info") -> Log:
    """Configure structlog for the monitor and return its logger; events below `level` are not logged."""
    structlog.configure(
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
    )
    return structlog.get_logger(process="monitor")  # type: ignore[no-any-return]  # get_logger is typed as Any
