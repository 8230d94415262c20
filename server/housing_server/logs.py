"""Logs: one JSON object a line on standard output, fast enough for one line a call."""

import logging
import sys

import orjson
import structlog


def configure_logging(process: str) -> structlog.typing.FilteringBoundLogger:
    """Set up structlog for this process and return its logger, which names the process in every line."""
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
    )
    return structlog.get_logger(process=process)  # type: ignore[no-any-return]  # get_logger is typed as Any
