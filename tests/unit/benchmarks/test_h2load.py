"""What h2load is asked, and what is read of its output and its log."""

from dataclasses import replace
from pathlib import Path

import pytest

from housing_benchmarks.errors import ProgramFailed
from housing_benchmarks.h2load import HttpLoad, parse_run

OUTPUT = """
finished in 2.00s, 1.50 req/s, 859.31KB/s
requests: 3 total, 67 started, 3 done, 3 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 3 2xx, 0 3xx, 0 4xx, 0 5xx
"""
LOG = "1795445004007351\t200\t1000\n1795445004007332\t200\t3000\n1795445004007337\t200\t2000\n"
JSON = HttpLoad(url="http://127.0.0.1:1/api/predict", payload=Path("body.json"), in_flight=64, seconds=0.5)


def test_latencies_come_from_the_log() -> None:
    """The output has no percentiles, so they are taken from the log, whose times are microseconds."""
    load = parse_run(OUTPUT, LOG)
    assert (load.calls, load.seconds, load.p50_seconds, load.p99_seconds) == (3, 2.0, 0.002, 0.003)
    assert load.failures == {}


def test_bad_statuses_are_failures() -> None:
    """A status that is not a success is told, by status."""
    assert parse_run(OUTPUT, LOG.replace("\t200\t1000", "\t503\t1000")).failures == {"503": 1}


def test_lost_connections_are_failures() -> None:
    """Requests whose connection failed are in no log, but are told."""
    assert parse_run(OUTPUT.replace("0 errored", "2 errored"), LOG).failures == {"errored": 2}


def test_milliseconds_are_understood() -> None:
    """h2load spells times under a second in milliseconds."""
    assert parse_run(OUTPUT.replace("2.00s", "501.00ms"), LOG).seconds == pytest.approx(0.501)


def test_run_without_an_answer_is_an_error() -> None:
    """A server that is not there is an error with h2load's own words, not a throughput of 0."""
    with pytest.raises(ProgramFailed, match="unable to connect"):
        parse_run("unable to connect\n", "")


def test_json_goes_over_connections_of_its_own() -> None:
    """JSON is posted over HTTP/1.1, one request a connection; fractions of a second are spelt in milliseconds."""
    command = JSON.command("h2load", Path("log"))
    assert command[command.index("--clients") + 1] == "64"
    assert command[command.index("--duration") + 1] == "500ms"
    assert "--h1" in command


def test_grpc_shares_connections() -> None:
    """A message in its frame goes over HTTP/2, as many at a time as asked for on all connections together."""
    command = replace(JSON, payload=Path("unary.grpc"), connections=16).command("h2load", Path("log"))
    assert "--h1" not in command
    assert command[command.index("--clients") + 1] == "16"
    assert command[command.index("--max-concurrent-streams") + 1] == "4"
