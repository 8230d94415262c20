"""The scopes of a helper's calls."""

import os

import structlog

from housing_server.control.messages import ConfigureExplainer, ConfigureRecorder
from housing_server.core.calls import CallObserver, Calls, relayed_calls
from housing_server.core.gate import DrainGate
from housing_server.observability.logs import CallLogger, LineBuffer
from housing_server.processes.authorities import open_authority
from housing_server.processes.tracers import open_tracer


def helper_calls(
    process: str,
    observer: CallObserver,
    lines: LineBuffer,
    log: structlog.typing.FilteringBoundLogger,
    config: ConfigureRecorder | ConfigureExplainer,
) -> Calls:
    """Create the scopes of a helper's calls.

    Args:
        process: the process's name.
        observer: counts calls.
        lines: writes the lines of calls.
        log: logs what is no everyday line.
        config: says whether calls come directly from clients, to be admitted, counted, logged and traced here; for
            relayed calls the worker does so.
    """
    if not config.direct:
        return relayed_calls(log)
    tracer = open_tracer(os.environ, process, log)
    authority = open_authority(config.access, process, log)
    return Calls(
        gate=DrainGate(),
        observer=observer,
        log=CallLogger(process, lines, log),
        tracer=tracer,
        authority=authority,
    )
