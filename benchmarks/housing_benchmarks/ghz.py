"""gRPC load by ghz: its command line and its report."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from housing_benchmarks.load import Load, percentile
from housing_benchmarks.programs import find_program, run_program

_NANOSECONDS = 1e9
_PATIENCE = 60.0
"""Seconds beyond its duration that a run may take to finish its calls."""

REFUSED = "ResourceExhausted"
"""ghz's status of a call refused under overload."""
TOO_LATE = "DeadlineExceeded"
"""ghz's status of a call whose deadline passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcLoad:
    """Calls of one method, for a time."""

    target: str
    """Address to call: `host:port`."""
    protoset: Path
    """A file with the descriptors of the service and its imports."""
    method: str
    """Full name of the method: `package.Service/Method`."""
    payload: Path
    """The request: a serialized message (`.bin`; for streams, each length-prefixed) or JSON (`.json`)."""
    in_flight: int
    """Concurrent calls."""
    connections: int
    """Connections that they share."""
    seconds: float
    """How long to start new calls; pending ones are waited for."""
    calls_per_second: int | None = None
    """If set, the rate at which calls are started, whether earlier ones are answered or not."""
    deadline_seconds: float | None = None
    """If set, the deadline of each call."""

    def run(self) -> Load:
        """Run the load.

        Raises:
            ProgramMissing: ghz is not installed.
            ProgramFailed: ghz failed.
        """
        return parse_report(run_program(self.command(find_program("ghz")), seconds=self.seconds + _PATIENCE))

    def command(self, ghz: str) -> list[str]:
        """Return the command line for ghz."""
        data = "--data-file" if self.payload.suffix == ".json" else "--binary-file"
        rate = ["--async", "--rps", str(self.calls_per_second)] if self.calls_per_second else []
        deadline = ["--timeout", f"{self.deadline_seconds}s"] if self.deadline_seconds else []
        return [
            *(ghz, "--insecure", "--format", "json", "--protoset", str(self.protoset), "--call", self.method),
            *(data, str(self.payload), "--concurrency", str(self.in_flight), "--connections", str(self.connections)),
            *("--duration", f"{self.seconds}s", "--duration-stop", "wait", *rate, *deadline, self.target),
        ]


def parse_report(report: str) -> Load:
    """Parse the output of ghz with `--format json`."""
    data = json.loads(report)
    statuses: dict[str, int] = data["statusCodeDistribution"]
    refusals = sorted(call["latency"] / _NANOSECONDS for call in data["details"] if call["status"] == REFUSED)
    return Load(
        calls=data["count"],
        seconds=data["total"] / _NANOSECONDS,
        p50_seconds=_latency(data["latencyDistribution"], 50),
        p95_seconds=_latency(data["latencyDistribution"], 95),
        p99_seconds=_latency(data["latencyDistribution"], 99),
        failures={status: count for status, count in statuses.items() if status != "OK"},
        refused_p50_seconds=_percentile(refusals, 50),
        refused_p99_seconds=_percentile(refusals, 99),
    )


def _percentile(ordered: Sequence[float], percent: float) -> float | None:
    return percentile(ordered, percent) if ordered else None


def _latency(distribution: Iterable[dict[str, Any]] | None, percent: int) -> float:
    # There is no distribution if all calls failed.
    found = (each["latency"] for each in distribution or () if each["percentage"] == percent)
    return float(next(found, float("nan"))) / _NANOSECONDS
