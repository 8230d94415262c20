"""Short-lived child processes for work that the supervisor must not do itself: importing MLflow, running a model."""

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
    """Run a module with `python -m` until it ends; it is killed when this call or this process ends.

    Args:
        module: its name.
        arguments: its command line.
        niceness: added to the niceness of this process.
        seconds: its time limit; None for no limit.
        environment: its environment variables; None to inherit.

    Returns:
        The last line of its standard output.

    Raises:
        StartError: it failed; the message is the last line of its standard error.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *tethered((sys.executable, "-m", module, *arguments), signal.SIGKILL),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            process_group=0,  # out of reach of the terminal's Ctrl-C
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
