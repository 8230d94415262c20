"""Trials of fetched models before any worker serves them, in a separate process.

The process runs at lower priority, without the service's environment and with fewer rights: a graph that crashes the
runtime takes nothing else with it, and code in a model's files finds neither secrets nor a network.
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
    """The results of a model that passed its trial."""

    golden_requests: int
    """How many golden requests it reproduced; 0 when it has none."""
    row_seconds: float
    """Median time for a single row, in seconds."""
    current_row_seconds: float
    """The same for the served model, measured in alternation with it."""

    @property
    def latency_ratio(self) -> float:
        """Its latency relative to the served model."""
        return self.row_seconds / self.current_row_seconds


async def try_model(
    candidate: Path, current: Path, max_latency_ratio: float, *, allow_pyfunc: bool = False
) -> TrialReport:
    """Run the trial of a fetched model.

    Args:
        candidate: folder of the model.
        current: folder of the served model.
        max_latency_ratio: the largest latency per row relative to the served model; 0 for no limit.
        allow_pyfunc: whether models that run code of their own when loaded are allowed.

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
        raise ModelRejected(f"the trial of {candidate.name} printed {output!r}, which is not a report") from error
