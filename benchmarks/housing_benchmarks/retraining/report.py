"""What was measured beside a retraining, as a page."""

from housing_benchmarks.retraining.run import Measured, Stage
from housing_benchmarks.tables import MILLI, number, table

MARK = 2.0
"""How many times the p99 without a retraining that beside one may be."""


def render(measured: Measured) -> str:
    """Render the report."""
    quiet = measured.stages[0]
    headings = ["stage", "seconds", "calls", "p50, ms", "p99, ms", "p99 / without"]
    failed = ", ".join(f"{count} {status}" for status, count in measured.failures.items()) or "none"
    model = "a small model, to see that everything works" if measured.quick else "the real pipeline on the full table"
    machine = measured.machine
    worst = max((each.p99_seconds / quiet.p99_seconds for each in measured.stages[1:]), default=1.0)
    return "\n".join(
        [
            "# Calls beside a retraining",
            "",
            (
                f"Measured on {measured.date[:10]} at commit {measured.commit}: {machine['cores']} cores of "
                f"{machine['processor']}, load average {measured.load_average:g} before the start; other programs kept "
                f"{measured.other_cores:g} cores busy. `Predict` at {measured.calls_per_second:g} calls a second, and "
                f"{model}, retrained with the default niceness and threads."
            ),
            "",
            table(headings, [_row(each, quiet) for each in measured.stages]),
            "",
            (
                f"The worst p99 of a stage is {worst:.1f} times that without a retraining; the mark is {MARK:g}. "
                f"Failed calls: {failed}. The retraining ended: {measured.verdict}"
            ),
            "",
        ]
    )


def _row(stage: Stage, quiet: Stage) -> list[str]:
    return [
        stage.name,
        number(stage.seconds),
        f"{stage.calls:,}",
        number(stage.p50_seconds, MILLI),
        number(stage.p99_seconds, MILLI),
        f"{stage.p99_seconds / quiet.p99_seconds:.2f}",
    ]
