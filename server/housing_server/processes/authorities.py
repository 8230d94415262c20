"""The authority of a process that clients call."""

import time
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from housing_server.access.authority import AccessFiles, Authority
from housing_server.access.usage import Usage
from housing_server.control.messages import ConfigureAccess
from housing_server.observability.access_metrics import AccessMetrics


def open_authority(
    config: ConfigureAccess | None, process: str, log: structlog.typing.FilteringBoundLogger
) -> Authority | None:
    """Return the authority of a process; None where anyone may call.

    Args:
        config: who may call.
        process: the process's name.
        log: logs a file that cannot be read.
    """
    if config is None:
        return None
    usage = Usage(Path(config.usage_dir), process, time.time)
    files = AccessFiles(
        keys=Path(config.keys_file),
        identities=Path(config.identities_file) if config.identities_file else None,
        forwarded=config.forwarded,
        tokens=config.tokens,
    )
    return Authority(files, usage, AccessMetrics(CollectorRegistry()), log)
