"""Logs of the watcher: one JSON object a line on standard output."""

import logging
import sys

import orjson
import structlog

Log = structlog.typing.FilteringBoundLogger
"""What lines are written with."""


def configure_logging(level: str = "info") -> Log:
    """Set up structlog for the watcher and return its logger; events of lower levels are not logged."""
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
    return structlog.get_logger(process="retraining")  # type: ignore[no-any-return]  # get_logger is typed as Any
