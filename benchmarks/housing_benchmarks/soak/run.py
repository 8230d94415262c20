"""A complete soak: starts the service and its gateway, calls and monitors them for minutes, and stops them."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psutil

from housing_benchmarks.machine import OtherPrograms, cores, describe_machine, load_average
from housing_benchmarks.payloads import read_block_groups
from housing_benchmarks.programs import ROOT, current_commit
from housing_benchmarks.registry import Registry, find_registry
from housing_benchmarks.service import Gateway, Service, Transport, running_gateway, running_service
from housing_benchmarks.soak.mixed_load import MixedLoad, SteadyCalls, kinds_of_calls
from housing_benchmarks.soak.trends import Sample

_PERIOD_SECONDS = 2.0
"""Interval of measurements."""
_PROGRESS_SECONDS = 30.0
_REFUSED = ("RESOURCE_EXHAUSTED", "429")
_ROWS = ROOT / "data/processed/test.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsMade:
    """The outcome of calls of one kind."""

    name: str
    rows: int
    """Block groups in a call."""
    answered: int
    """Successful calls."""
    refused: int
    """Calls refused under overload."""
    failures: Mapping[str, int]
    """Calls that failed otherwise, by status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """The results of a soak."""

    date: str
    """Its start, in ISO 8601, UTC."""
    commit: str
    """Commit of the server."""
    transport: Transport = "grpc"
    """What carries the service's calls."""
    machine: Mapping[str, Any]
    """Facts about the machine."""
    load_average: float
    """Load average before the start."""
    other_cores: float = 0.0
    """Processors that other programs kept busy meanwhile, on average."""
    workers: int
    """Number of workers."""
    seconds: float
    """Duration of the load."""
    first_start_seconds: float
    """Time from the start of `housing serve` until all workers serve, with the model fetched from the registry."""
    next_start_seconds: float
    """The same with the model in the cache."""
    calls: list[CallsMade]
    """The calls by kind."""
    samples: list[Sample]
    """The measurements of the processes."""


def soak(minutes: float, transport: Transport) -> Soak:
    """Call the service for `minutes`, and monitor its processes, and those of its gateway if it needs one.

    Raises:
        BenchmarkError: it cannot be started.
    """
    others = OtherPrograms()
    made = _soak(minutes, transport)
    return replace(made, other_cores=others.cores())


def _soak(minutes: float, transport: Transport) -> Soak:
    registry, block_groups = find_registry(), read_block_groups(_ROWS)
    date, load = datetime.now(UTC).isoformat(timespec="seconds"), load_average()
    with tempfile.TemporaryDirectory(prefix="housing-soak-") as folder:
        first = _first_start(registry, Path(folder), transport)
        with _running(registry, Path(folder), transport) as (service, gateway, json_url):
            target = f"127.0.0.1:{service.grpc_port}"
            with kinds_of_calls(target, json_url, block_groups) as kinds, MixedLoad(kinds) as running:
                samples = list(_watch(service, gateway, running, minutes * 60))
            return Soak(
                date=date,
                commit=current_commit(),
                transport=transport,
                machine=describe_machine(),
                load_average=load,
                workers=cores(),
                seconds=minutes * 60,
                first_start_seconds=first,
                next_start_seconds=service.server.ready_seconds,
                calls=[_made(each) for each in running.calls],
                samples=samples,
            )


@contextmanager
def _running(registry: Registry, folder: Path, transport: Transport) -> Iterator[tuple[Service, Gateway | None, str]]:
    """Run the service, and a gateway if it needs one; yield them, and the URL of JSON."""
    with running_service(registry, folder, cores(), transport=transport) as service:
        if service.json_port is not None:
            yield service, None, f"http://127.0.0.1:{service.json_port}"
        else:
            with running_gateway(service, folder) as gateway:
                yield service, gateway, f"http://127.0.0.1:{gateway.port}"


def _first_start(registry: Registry, folder: Path, transport: Transport) -> float:
    click.echo("starting the service, and once more with the model in its cache", err=True)
    with running_service(registry, folder, cores(), transport=transport) as service:
        return service.server.ready_seconds


def _made(calls: SteadyCalls) -> CallsMade:
    failures = dict(calls.failures)
    refused = sum(failures.pop(status, 0) for status in _REFUSED)
    return CallsMade(
        name=calls.kind.name, rows=calls.kind.rows, answered=calls.answered, refused=refused, failures=failures
    )


def _watch(service: Service, gateway: Gateway | None, load: MixedLoad, seconds: float) -> Iterator[Sample]:
    """Measure all processes periodically until the time is over."""
    began, reported = time.monotonic(), 0.0
    while (passed := time.monotonic() - began) < seconds:
        yield from _measure(service, gateway, passed)
        if passed - reported >= _PROGRESS_SECONDS:
            reported = passed
            _report_progress(load, passed, seconds)
        time.sleep(max(_PERIOD_SECONDS - (time.monotonic() - began - passed), 0))


def _measure(service: Service, gateway: Gateway | None, seconds: float) -> Iterator[Sample]:
    """Measure all processes: the service's by its own metrics, which name them, and the gateway's directly."""
    files = service.open_files()
    for process, rss in service.resident_bytes().items():
        yield Sample(seconds=seconds, process=process, rss_bytes=rss, open_files=files.get(process, 0))
    if gateway is None:
        return
    for each in gateway.server.processes():
        try:
            name = "gateway launcher" if each.pid == gateway.server.pid else each.name()
            yield Sample(seconds=seconds, process=name, rss_bytes=each.memory_info().rss, open_files=each.num_fds())
        except psutil.NoSuchProcess:
            continue


def _report_progress(load: MixedLoad, passed: float, seconds: float) -> None:
    answered = sum(each.answered for each in load.calls)
    others = sum(each.failures.total() for each in load.calls)
    click.echo(f"{passed / 60:.1f} of {seconds / 60:g} minutes: {answered:,} answered, {others:,} not", err=True)
