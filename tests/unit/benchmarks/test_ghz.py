"""What ghz is asked, and what is read of its report."""

import json
import math
from dataclasses import replace
from pathlib import Path

from housing_benchmarks.ghz import GrpcLoad, parse_report

UNARY = GrpcLoad(
    target="127.0.0.1:1",
    protoset=Path("contract.binpb"),
    method="housing.v1.PredictionService/Predict",
    payload=Path("unary.bin"),
    in_flight=8,
    connections=4,
    seconds=1.5,
)


def test_report_is_read_in_seconds() -> None:
    """Times are nanoseconds in the report, and calls that ended with an error are told by status."""
    report = {
        "count": 100,
        "total": 2_000_000_000,
        "statusCodeDistribution": {"OK": 97, "Unavailable": 3},
        "latencyDistribution": [
            {"percentage": percentage, "latency": milliseconds * 1_000_000}
            for percentage, milliseconds in ((50, 1), (95, 3), (99, 4))
        ],
        "details": [],
    }
    load = parse_report(json.dumps(report))
    assert (load.calls, load.seconds) == (100, 2.0)
    assert (load.p50_seconds, load.p95_seconds, load.p99_seconds) == (0.001, 0.003, 0.004)
    assert load.failures == {"Unavailable": 3}


def test_report_without_an_answer_has_no_latency() -> None:
    """When every call failed there are failures and no latencies, rather than latencies of 0."""
    report = {"count": 2, "total": 1, "statusCodeDistribution": {"Unavailable": 2}, "latencyDistribution": None}
    load = parse_report(json.dumps(report | {"details": []}))
    assert math.isnan(load.p99_seconds)
    assert load.failures == {"Unavailable": 2}


def test_refusals_are_timed_apart() -> None:
    """How soon a caller hears no is read from the calls that were refused, whatever the others took."""
    calls = [("OK", 900), ("ResourceExhausted", 2), ("ResourceExhausted", 4), ("DeadlineExceeded", 1000)]
    report = {
        "count": 4,
        "total": 1,
        "statusCodeDistribution": {"OK": 1, "ResourceExhausted": 2, "DeadlineExceeded": 1},
        "latencyDistribution": None,
        "details": [{"status": status, "latency": milliseconds * 1_000_000} for status, milliseconds in calls],
    }
    load = parse_report(json.dumps(report))
    assert (load.refused_p50_seconds, load.refused_p99_seconds) == (0.002, 0.004)


def test_deadline_is_handed_to_the_caller() -> None:
    """Where callers are given a deadline, each call has it."""
    command = replace(UNARY, deadline_seconds=0.5).command("ghz")
    assert command[command.index("--timeout") + 1] == "0.5s"
    assert "--timeout" not in UNARY.command("ghz")


def test_calls_begun_are_waited_for() -> None:
    """The calls in flight at the end are neither dropped nor counted as failed."""
    command = UNARY.command("ghz")
    assert command[command.index("--duration-stop") + 1] == "wait"
    assert "--rps" not in command


def test_offered_rate_does_not_wait_for_answers() -> None:
    """At a fixed rate, calls start whether the earlier ones are answered or not: slow answers are not left out."""
    command = replace(UNARY, calls_per_second=1000).command("ghz")
    assert "--async" in command
    assert command[command.index("--rps") + 1] == "1000"


def test_json_payload_is_said_to_be_json() -> None:
    """A message in JSON is handed over as such."""
    assert "--data-file" in replace(UNARY, payload=Path("body.json")).command("ghz")
