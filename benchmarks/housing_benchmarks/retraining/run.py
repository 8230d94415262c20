"""A retraining beside a service under load, from its first stage to the last, and the latency of calls in each."""

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import grpc

from housing.v1.retraining_service_pb2 import GetRetrainingStatusRequest
from housing.v1.retraining_service_pb2_grpc import RetrainingServiceStub
from housing_benchmarks.load import percentile
from housing_benchmarks.machine import OtherPrograms, cores, describe_machine, load_average
from housing_benchmarks.payloads import read_block_groups
from housing_benchmarks.processes import HOUSING
from housing_benchmarks.programs import ROOT, current_commit, run_program
from housing_benchmarks.registry import find_registry
from housing_benchmarks.retraining.repository import Repository, copy_repository
from housing_benchmarks.retraining.timed_calls import TimedCall, TimedCalls
from housing_benchmarks.service import Service, running_service

QUIET = "no retraining"
_ROWS = ROOT / "data/processed/test.parquet"
_RETRAINING_SECONDS = 3600.0
_LOOK_SECONDS = 0.1
_LOOK_DEADLINE = 30.0
_LEAST_CALLS = 100
"""With fewer, there is no 99th percentile of a stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The calls during a stage of the retraining."""

    name: str
    """Its name on record."""
    seconds: float
    """How long it took."""
    calls: int
    """Calls that were answered meanwhile."""
    p50_seconds: float
    """Their median latency."""
    p99_seconds: float
    """Its 99th percentile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run has found."""

    date: str
    """Its start, in ISO 8601, UTC."""
    commit: str
    """Commit of the server."""
    machine: Mapping[str, Any]
    """Facts about the machine."""
    load_average: float
    """Load average before the start."""
    other_cores: float
    """Processors that other programs kept busy meanwhile, on average."""
    quick: bool
    """Whether a small model was trained in the place of the real one."""
    calls_per_second: float
    """The rate of the calls."""
    stages: Sequence[Stage]
    """The time before the retraining, then its stages in their order, those that were too short left out."""
    failures: Mapping[str, int]
    """Calls that failed, by status."""
    verdict: str
    """What became of the retraining, in a line."""


def measure(*, quiet_seconds: float, shadow_seconds: float, calls_per_second: float, quick: bool) -> Measured:
    """Call a service before and during a retraining.

    Raises:
        BenchmarkError: something cannot be started, or the retraining failed.
    """
    date, load, others = datetime.now(UTC).isoformat(timespec="seconds"), load_average(), OtherPrograms()
    with tempfile.TemporaryDirectory(prefix="housing-retraining-") as folder:
        repository = copy_repository(find_registry(), Path(folder) / "repository", quick=quick)
        with running_service(repository.registry, Path(folder), cores()) as service:
            target = f"127.0.0.1:{service.grpc_port}"
            with (
                TimedCalls(target, read_block_groups(_ROWS), calls_per_second=calls_per_second) as calls,
                _looking(target) as seen,
            ):
                time.sleep(quiet_seconds)
                click.echo("retraining", err=True)
                verdict = _retrain(repository, service, Path(folder), shadow_seconds)
    return Measured(
        date=date,
        commit=current_commit(),
        machine=describe_machine(),
        load_average=load,
        other_cores=others.cores(),
        quick=quick,
        calls_per_second=calls_per_second,
        stages=by_stage(calls.answered, seen),
        failures=dict(calls.failures),
        verdict=verdict,
    )


def _retrain(repository: Repository, service: Service, folder: Path, shadow_seconds: float) -> str:
    """Retrain on all rows, let the challenger pass to its shadow whatever it is like, and return the verdict."""
    state = folder / f"grpc-log-{service.log_mode}"
    environment = {
        "HOUSING_STATE_DIR": str(repository.root / "var"),
        "HOUSING_PREDICTION_LOG": f"sqlite:///{state}/predictions.db",
        "HOUSING_GRPC_PORT": str(service.grpc_port),
        "HOUSING_RETRAINING_GATES": "off",
        "HOUSING_RETRAINING_SHADOW_SECONDS": str(shadow_seconds),
        "HOUSING_RETRAINING_SHADOW_ROWS": str(10**6),
    }
    command = [*HOUSING, "retrain", "now", "--reason", "a benchmark"]
    environment |= repository.registry.environment
    output = run_program(command, seconds=_RETRAINING_SECONDS, environment=environment, folder=repository.root)
    return output.strip().splitlines()[-1]


@contextmanager
def _looking(target: str) -> Iterator[list[tuple[float, str]]]:
    """Yield the stages of the retraining, each with the moment when it was first seen, until the end of the block."""
    seen, ended = [(time.monotonic(), QUIET)], threading.Event()

    def look() -> None:
        with grpc.insecure_channel(target) as channel:
            retrainings = RetrainingServiceStub(channel)
            while not ended.wait(_LOOK_SECONDS):
                try:
                    status = retrainings.GetRetrainingStatus(GetRetrainingStatusRequest(), timeout=_LOOK_DEADLINE)
                except grpc.RpcError:
                    continue  # the recorder starts after the workers
                stage = status.running.stage if status.HasField("running") else seen[-1][1]
                if stage not in (seen[-1][1], "waiting"):
                    seen.append((time.monotonic(), stage))

    thread = threading.Thread(target=look, name="looking", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
        seen.append((time.monotonic(), "end"))


def by_stage(calls: Sequence[TimedCall], seen: Sequence[tuple[float, str]]) -> list[Stage]:
    """Return the latencies of calls by stage.

    Args:
        calls: the calls.
        seen: the beginning of each stage with its name; the last is the end of all.
    """
    stages = []
    for (began, name), (ended, _) in pairwise(seen):
        latencies = sorted(each.seconds for each in calls if began <= each.due < ended)
        if len(latencies) >= _LEAST_CALLS:
            p50, p99 = (percentile(latencies, percent) for percent in (50, 99))
            stages.append(
                Stage(name=name, seconds=ended - began, calls=len(latencies), p50_seconds=p50, p99_seconds=p99)
            )
    return stages
