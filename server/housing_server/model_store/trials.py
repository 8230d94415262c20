"""Trying a fetched model before any worker serves it, in a process of its own.

The process gives way to the workers, and has neither the environment nor all rights of the service: a graph that
crashes the runtime takes nothing else with it, and code in a model's files finds no password there and no network.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from housing_server.errors import ModelRejected, StartError
from housing_server.system.environment import without_secrets
from housing_server.system.subprocesses import run_module

_PROGRAM = "housing_server.models.trial"
_NICENESS = 5
_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """What a trial found out about a model that passed it."""

    golden_requests: int
    """How many golden requests it reproduced; 0 when it came without."""
    row_seconds: float
    """Median time for a single row, in seconds."""
    current_row_seconds: float
    """The same of the model that is being served, measured in turns with it."""

    @property
    def latency_ratio(self) -> float:
        """How many times as long it takes."""
        return self.row_seconds / self.current_row_seconds


async def try_model(
    candidate: Path, current: Path, max_latency_ratio: float, *, allow_pyfunc: bool = False
) -> TrialReport:
    """Try a fetched model.

    Args:
        candidate: folder of the model.
        current: folder of the model that is being served.
        max_latency_ratio: how many times as long it may take for a row; 0 for any.
        allow_pyfunc: whether a model may be one that is loaded by running code of its own.

    Raises:
        ModelRejected: it must not be served; the message says why.
    """
    kinds = "pyfunc" if allow_pyfunc else "graphs"
    try:
        output = await run_module(
            _PROGRAM,
            *(str(candidate), str(current), str(max_latency_ratio), kinds),
            niceness=_NICENESS,
            seconds=_PATIENCE_SECONDS,
            environment=without_secrets(os.environ),
        )
    except StartError as error:
        raise ModelRejected(str(error)) from error
    try:
        return TrialReport(**json.loads(output))
    except (TypeError, ValueError) as error:
        raise ModelRejected(f"the trial of {candidate.name} printed {output!r}, which is no report") from error
