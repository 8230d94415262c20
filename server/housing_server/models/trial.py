"""A program that tries a fetched model, run by `try_model`.

`python -m housing_server.models.trial CANDIDATE CURRENT RATIO KINDS` loads the candidate as a worker would, replays its
golden requests, compares its latency with the served model's, and prints a report. KINDS is `graphs`, or `pyfunc` to
allow models that run code of their own.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from housing_server.errors import ModelRejected
from housing_server.model_store.trials import TrialReport
from housing_server.system.confinement import confine

_ROUNDS = 51


def run_trial(candidate: Path, current: Path, max_latency_ratio: float, *, allow_pyfunc: bool = False) -> TrialReport:
    """Run the trial of a fetched model in this process; see `try_model`."""
    # Imported here: these libraries start threads, and the process must be confined first.
    from housing_server.models.golden import replay  # noqa: PLC0415
    from housing_server.models.loading import example_rows, load_model  # noqa: PLC0415

    new = load_model(candidate, allow_pyfunc=allow_pyfunc).predictor
    try:
        old = load_model(current, allow_pyfunc=allow_pyfunc).predictor
    except ModelRejected:  # served by an earlier release: there is nothing to compare with
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
            f"now {max_latency_ratio:g}, to serve it anyway"
        )
    return report


def _medians(*runs: Callable[[], object]) -> list[float]:
    """Time runs in alternation, so that other load affects all alike; return the median seconds of each."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(_ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            started = time.perf_counter()
            run()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


def main(candidate: str, current: str, max_latency_ratio: str, kinds: str) -> int:
    """Print the report, or the reason of the refusal in one line."""
    try:
        report = run_trial(Path(candidate), Path(current), float(max_latency_ratio), allow_pyfunc=kinds == "pyfunc")
    except ModelRejected as error:
        print(" ".join(str(error).split()), file=sys.stderr)  # noqa: T201 - the parent process reads it
        return 1
    print(json.dumps(asdict(report)))  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    confine()
    sys.exit(main(*sys.argv[1:]))
