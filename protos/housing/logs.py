"""Logs of the processes beside the server: one JSON object a line on standard output.

The server's own processes log each call, and have quicker means.
"""

import logging
import sys

import orjson
import structlog

Log = structlog.typing.FilteringBoundLogger
"""The type of the logger."""


def configure_logging(process: str, level: str = "info") -> Log:
    """Configure structlog and return its logger.

    Args:
        process: name of the process, which is in every line.
        level: events of lower levels are not logged.
    """
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
    return structlog.get_logger(process=process)  # type: ignore[no-any-return]  # get_logger is typed as Any
