"""Short-lived processes for work that the supervisor must not carry itself: importing MLflow, running a model."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress

from housing.tether import tethered
from housing_server.errors import StartError


async def run_module(
    module: str,
    *arguments: str,
    niceness: int = 0,
    seconds: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a module of this package with `python -m` until it ends; it outlives neither this call nor this process.

    Args:
        module: its name.
        arguments: its command line.
        niceness: added to that of this process, as `nice` counts.
        seconds: how long it may take; None for any time.
        environment: its environment variables; None for those of this process.

    Returns:
        The last line that it wrote to standard output.

    Raises:
        StartError: it failed; the message is the last line that it wrote to standard error.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *tethered((sys.executable, "-m", module, *arguments), signal.SIGKILL),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )
    except OSError as error:
        raise StartError(f"{module} cannot be started: {error}") from error
    if niceness:
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
    try:
        output, errors = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError as error:
        raise StartError(f"{module} took longer than {seconds:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise StartError(_last_line(errors) or f"{module} ended with exit code {process.returncode}")
    return _last_line(output)


def _last_line(output: bytes) -> str:
    return (output.decode(errors="replace").strip().splitlines() or [""])[-1]
