"""Trying a fetched model before any worker serves it.

`python -m housing_server.models.trial CANDIDATE CURRENT RATIO` loads the candidate as a worker would, replays its
golden requests, times it beside the model that is being served, and prints what it found. It is a process of its own,
which gives way to the workers: a graph that crashes the runtime takes nothing else with it, and calls go on.
"""

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from housing_server.errors import ModelRejected, StartError
from housing_server.system.subprocesses import run_module

if TYPE_CHECKING:
    from collections.abc import Callable

_NICENESS = 5
_PATIENCE_SECONDS = 180.0
_ROUNDS = 51


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """What a trial found of a model that passed it."""

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


async def try_model(candidate: Path, current: Path, max_latency_ratio: float) -> TrialReport:
    """Try a fetched model in a process of its own.

    Args:
        candidate: folder of the model.
        current: folder of the model that is being served.
        max_latency_ratio: how many times as long it may take for a row; 0 for any.

    Raises:
        ModelRejected: it must not be served; the message says why.
    """
    arguments = (str(candidate), str(current), str(max_latency_ratio))
    try:
        output = await run_module(
            "housing_server.models.trial", *arguments, niceness=_NICENESS, seconds=_PATIENCE_SECONDS
        )
    except StartError as error:
        raise ModelRejected(str(error)) from error
    try:
        return TrialReport(**json.loads(output))
    except (TypeError, ValueError) as error:
        raise ModelRejected(f"the trial of {candidate.name} said {output!r}, which is no report") from error


def run_trial(candidate: Path, current: Path, max_latency_ratio: float) -> TrialReport:
    """Try a fetched model here and now; see `try_model`."""
    # ONNX Runtime and NumPy: the supervisor, which imports this module too, does not carry them.
    from housing_server.models.golden import replay  # noqa: PLC0415
    from housing_server.models.loading import example_rows, load_model  # noqa: PLC0415

    new = load_model(candidate).predictor
    try:
        old = load_model(current).predictor
    except ModelRejected:  # served by an earlier release: then there is nothing to compare with
        old = new
    row = example_rows()[:1]
    row_seconds, current_row_seconds = _medians(lambda: new.estimate(row), lambda: old.estimate(row))
    report = TrialReport(
        golden_requests=replay(new, candidate), row_seconds=row_seconds, current_row_seconds=current_row_seconds
    )
    if 0 < max_latency_ratio < report.latency_ratio:
        raise ModelRejected(
            f"version {new.description.version} takes {row_seconds * 1e3:.2f} ms for a row, {report.latency_ratio:.1f} "
            f"times as long as version {old.description.version}: raise HOUSING_SWAP_MAX_LATENCY_RATIO, "
            f"now {max_latency_ratio:g}, to serve it all the same"
        )
    return report


def _medians(*runs: "Callable[[], object]") -> list[float]:
    """Time each run, in turns, so that whatever else the machine does falls on all alike; median seconds of each."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(_ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            started = time.perf_counter()
            run()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


def main(candidate: str, current: str, max_latency_ratio: str) -> int:
    """Print what the trial found, or why the model is refused in one line."""
    try:
        report = run_trial(Path(candidate), Path(current), float(max_latency_ratio))
    except ModelRejected as error:
        print(" ".join(str(error).split()), file=sys.stderr)  # noqa: T201 - this is the answer to the parent process
        return 1
    print(json.dumps(asdict(report)))  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
