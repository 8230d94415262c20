"""Load by h2load, over HTTP/1.1 or gRPC: its command line, and its log of requests."""

import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from housing_benchmarks.errors import ProgramFailed
from housing_benchmarks.load import Load, percentile
from housing_benchmarks.programs import find_program, last_lines, run_program

_MICROSECONDS = 1e6
_PATIENCE = 60.0
"""Seconds beyond its duration that a run may take."""
_GOOD = range(200, 300)


_JSON = ("--h1", "--header", "content-type: application/json")
_GRPC = ("--header", "content-type: application/grpc", "--header", "te: trailers")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLoad:
    """POST requests with one body: JSON over HTTP/1.1, or a message over gRPC, where every status counts as success."""

    url: str
    """URL to post to."""
    payload: Path
    """The body: JSON (`.json`), or a message in its gRPC frame."""
    in_flight: int
    """Concurrent requests, each on its own connection over HTTP/1.1."""
    connections: int | None = None
    """Connections that they share over gRPC; by default one per request."""
    seconds: float
    """Duration; requests pending at its end are dropped, and not counted."""

    def run(self) -> Load:
        """Run the load.

        Raises:
            ProgramMissing: h2load is not installed.
            ProgramFailed: h2load could not connect, or no request succeeded.
        """
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "requests.log"
            output = run_program(self.command(find_program("h2load"), log), seconds=self.seconds + _PATIENCE)
            return parse_run(output, log.read_text("utf-8") if log.exists() else "")

    def command(self, h2load: str, log: Path) -> list[str]:
        """Return the command line for h2load."""
        connections = self.connections or self.in_flight
        return [
            *(h2load, "--clients", str(connections), "--max-concurrent-streams", str(self.in_flight // connections)),
            *("--duration", f"{self.seconds * 1000:.0f}ms", *(_JSON if self.payload.suffix == ".json" else _GRPC)),
            *("--data", str(self.payload), "--log-file", str(log), self.url),
        ]


def parse_run(output: str, log: str) -> Load:
    """Parse the output of h2load, and its log: one line per request, with start, status and microseconds.

    Raises:
        ProgramFailed: no request was answered.
    """
    finished = re.search(r"^finished in ([\d.]+)(m?s|us),", output, re.MULTILINE)
    entries = [line.split("\t") for line in log.splitlines()]
    if finished is None or not entries:
        raise ProgramFailed(f"h2load got no answer: {last_lines(output)}")
    latencies = sorted(int(microseconds) / _MICROSECONDS for _, _, microseconds in entries)
    statuses = Counter(status for _, status, _ in entries if int(status) not in _GOOD)
    return Load(
        calls=len(entries),
        seconds=float(finished[1]) * {"s": 1, "ms": 1e-3, "us": 1e-6}[finished[2]],
        p50_seconds=percentile(latencies, 50),
        p99_seconds=percentile(latencies, 99),
        failures=dict(statuses) | _unanswered(output),
    )


def _unanswered(output: str) -> dict[str, int]:
    """Return the requests whose connection failed, which are missing from the log."""
    counts = re.search(r"^requests: .* (\d+) errored, (\d+) timeout", output, re.MULTILINE)
    errored = sum(map(int, counts.groups())) if counts else 0
    return {"errored": errored} if errored else {}
