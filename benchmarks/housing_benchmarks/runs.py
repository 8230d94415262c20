"""A whole run: everything started, measured and stopped."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click

from housing_benchmarks import names
from housing_benchmarks.bare_graph import graph_load
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.machine import OtherPrograms, cores, describe_machine, load_average
from housing_benchmarks.payloads import Payloads, read_block_groups
from housing_benchmarks.peer_runs import install, running_peer, write_training_table
from housing_benchmarks.peers import PEERS, Peer
from housing_benchmarks.programs import ROOT, run_program
from housing_benchmarks.references import running_reference
from housing_benchmarks.results import Results
from housing_benchmarks.service import fetch_graph, find_registry, running_service
from housing_benchmarks.suite import Pace, Suite
from housing_benchmarks.trials import Sample, measure

_TEST_ROWS = ROOT / "data/processed/test.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """What came of a peer."""

    samples: list[Sample]
    """What was measured."""
    ready_seconds: float | None = None
    """How long it took to start; None when it could not."""
    absence: str = ""
    """Why there is nothing, or no more."""


def run(pace: Pace, *, with_peers: bool) -> Results:
    """Start everything, measure, and stop everything again.

    Raises:
        BenchmarkError: something that the service itself needs is missing, or fails.
    """
    results = Results(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        load_average=load_average(),
        machine=describe_machine(),
        workers=cores(),
    )
    others = OtherPrograms()
    with _running_suite(pace, results.workers) as suite:
        samples = list(suite.run())
        peers = dict(_run_peers(suite, results.workers)) if with_peers else {}
        started = {peer: each.ready_seconds for peer, each in peers.items() if each.ready_seconds is not None}
        results = replace(
            results,
            ready_seconds={names.HOUSING: suite.service.server.ready_seconds} | started,
            resident_bytes=suite.service.resident_bytes(),
            absent={peer: each.absence for peer, each in peers.items() if each.absence},
            samples=[*samples, *(sample for each in peers.values() for sample in each.samples)],
        )
    return replace(results, other_cores=others.cores())


@contextmanager
def _running_suite(pace: Pace, workers: int) -> Iterator[Suite]:
    """Run the service and the reference servers until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="housing-bench-") as name, ExitStack() as stack:
        folder, registry = Path(name), find_registry()
        payloads = Payloads(folder=folder, block_groups=read_block_groups(_TEST_ROWS))
        click.echo("starting the servers", err=True)
        graph = fetch_graph(registry, folder)
        yield Suite(
            service=stack.enter_context(running_service(registry, folder, workers)),
            references={
                names.NO_OP: stack.enter_context(running_reference("no_op", folder, workers)),
                names.BARE: stack.enter_context(running_reference("bare_onnx", folder, workers, str(graph))),
            },
            graph=graph_load(graph, pace.seconds / 2),
            payloads=payloads,
            pace=pace,
        )


def _run_peers(suite: Suite, workers: int) -> Iterator[tuple[str, PeerRun]]:
    table = write_training_table(suite.payloads.folder)
    for peer in PEERS:
        yield peer.name, _run_peer(suite, peer, table, workers)


def _run_peer(suite: Suite, peer: Peer, table: Path, workers: int) -> PeerRun:
    """Measure a peer in turn with the service; whatever it fails with is its result."""
    outcome = PeerRun(samples=[])
    try:
        click.echo(f"installing {peer.name}", err=True)
        install(peer, table)
        with running_peer(peer, suite.payloads, workers) as running:
            running.check()
            outcome = replace(outcome, ready_seconds=running.server.ready_seconds)
            alone, saturated = names.alone(peer.name), names.against(peer.name)
            pace, repeats = suite.pace.seconds, suite.pace.repeats
            trials = [suite.one_at_a_time(alone), running.trial(alone, 1, pace)]
            outcome.samples.extend(measure(trials, repeats))
            trials = [
                suite.saturated(saturated),
                suite.json_through_envoy(saturated),
                running.trial(saturated, names.SATURATED, pace),
            ]
            outcome.samples.extend(measure(trials, repeats))
    except BenchmarkError as error:
        click.echo(f"{peer.name}: {error}", err=True)
        # Where this checkout is, is nobody's business who reads the report.
        return replace(outcome, absence=str(error).replace(f"{ROOT}/", ""))
    return outcome


def _commit() -> str:
    head = run_program(["git", "rev-parse", "--short", "HEAD"], seconds=60).strip()
    changed = run_program(["git", "status", "--porcelain", "--", "protos", "server"], seconds=60)
    return f"{head}+" if changed else head
