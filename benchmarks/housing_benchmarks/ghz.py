"""gRPC load with ghz: the command and what it prints."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from housing_benchmarks.load import Load, percentile
from housing_benchmarks.programs import find_program, run_program

_NANOSECONDS = 1e9
_PATIENCE = 60.0
"""Seconds over its time that a run may take to finish the calls it has begun."""

REFUSED = "ResourceExhausted"
"""How ghz spells that a call was refused for lack of room."""
TOO_LATE = "DeadlineExceeded"
"""How ghz spells that the caller has stopped waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcLoad:
    """Calls of one method, for a time."""

    target: str
    """Where to call: `host:port`."""
    protoset: Path
    """A file with the descriptors of the service and of all it imports."""
    method: str
    """Full name of the method: `package.Service/Method`."""
    payload: Path
    """The request: a serialised message (`.bin`; for streams, each behind its length) or JSON (`.json`)."""
    in_flight: int
    """Calls that run at a time."""
    connections: int
    """Connections that they share."""
    seconds: float
    """How long to go on making new calls; those begun are waited for."""
    calls_per_second: int | None = None
    """Where set, calls are started at this rate, whether the earlier ones are answered or not."""
    deadline_seconds: float | None = None
    """Where set, how long a caller waits for an answer."""

    def run(self) -> Load:
        """Make the calls.

        Raises:
            ProgramMissing: ghz is not installed.
            ProgramFailed: ghz could not call.
        """
        return parse_report(run_program(self.command(find_program("ghz")), seconds=self.seconds + _PATIENCE))

    def command(self, ghz: str) -> list[str]:
        """Spell it out for ghz."""
        data = "--data-file" if self.payload.suffix == ".json" else "--binary-file"
        rate = ["--async", "--rps", str(self.calls_per_second)] if self.calls_per_second else []
        deadline = ["--timeout", f"{self.deadline_seconds}s"] if self.deadline_seconds else []
        return [
            *(ghz, "--insecure", "--format", "json", "--protoset", str(self.protoset), "--call", self.method),
            *(data, str(self.payload), "--concurrency", str(self.in_flight), "--connections", str(self.connections)),
            *("--duration", f"{self.seconds}s", "--duration-stop", "wait", *rate, *deadline, self.target),
        ]


def parse_report(report: str) -> Load:
    """Read what ghz prints with `--format json`."""
    data = json.loads(report)
    statuses: dict[str, int] = data["statusCodeDistribution"]
    refusals = sorted(call["latency"] / _NANOSECONDS for call in data["details"] if call["status"] == REFUSED)
    return Load(
        calls=data["count"],
        seconds=data["total"] / _NANOSECONDS,
        p50_seconds=_latency(data["latencyDistribution"], 50),
        p99_seconds=_latency(data["latencyDistribution"], 99),
        failures={status: count for status, count in statuses.items() if status != "OK"},
        refused_p50_seconds=_percentile(refusals, 50),
        refused_p99_seconds=_percentile(refusals, 99),
    )


def _percentile(ordered: Sequence[float], percent: float) -> float | None:
    return percentile(ordered, percent) if ordered else None


def _latency(distribution: Iterable[dict[str, Any]] | None, percent: int) -> float:
    # There is no distribution when all calls have failed.
    found = (each["latency"] for each in distribution or () if each["percentage"] == percent)
    return float(next(found, float("nan"))) / _NANOSECONDS
