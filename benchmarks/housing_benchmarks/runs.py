"""A complete run: starts, measures and stops everything."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import click

from housing_benchmarks import names
from housing_benchmarks.bare_graph import BareGraph
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.log_modes import log_modes
from housing_benchmarks.machine import OtherPrograms, cores, describe_machine, load_average
from housing_benchmarks.payloads import Payloads, read_block_groups
from housing_benchmarks.peer_runs import install, running_peer, write_training_table
from housing_benchmarks.peers import PEERS, Peer
from housing_benchmarks.programs import ROOT, current_commit
from housing_benchmarks.references import running_reference
from housing_benchmarks.registry import Registry, fetch_graph, find_registry
from housing_benchmarks.results import Results
from housing_benchmarks.service import running_gateway, running_service
from housing_benchmarks.service_trials import ServiceTrials
from housing_benchmarks.suite import Suite
from housing_benchmarks.transports import running_transports
from housing_benchmarks.trials import Pace, Sample, measure

_TEST_ROWS = ROOT / "data/processed/test.parquet"
_TEACHER = ROOT / "training/models/mixture_of_experts.onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun:
    """The results of a peer."""

    samples: list[Sample]
    ready_seconds: float | None = None
    """Its start time; None if it did not start."""
    absence: str = ""
    """Why results are missing; empty if none are."""


def run(pace: Pace, *, with_peers: bool, only_transports: bool, keep: Callable[[Results], None]) -> Results:
    """Start everything, measure it, and stop it again.

    Args:
        pace: how long and how often.
        with_peers: whether peers are installed and measured too.
        only_transports: whether only the transports are compared.
        keep: is called with all that is known so far, now and then.

    Raises:
        BenchmarkError: a prerequisite of the service is missing, or fails.
    """
    results = Results(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=current_commit(),
        load_average=load_average(),
        machine=describe_machine(),
        workers=cores(),
    )
    others = OtherPrograms()
    with tempfile.TemporaryDirectory(prefix="housing-bench-") as folder:
        results = _measured(
            results, pace, Path(folder), with_peers=with_peers, only_transports=only_transports, keep=keep
        )
    return replace(results, other_cores=others.cores())


class _Kept:
    """Samples that are kept as they come, in case that the run does not reach its end."""

    def __init__(self, results: Results, keep: Callable[[Results], None]) -> None:
        self.taken: list[Sample] = []
        """What was measured so far."""
        self._results = results
        self._keep = keep

    def take(self, samples: Iterable[Sample]) -> None:
        """Add samples, and keep the run with each."""
        for sample in samples:
            self.taken.append(sample)
            self._keep(replace(self._results, samples=self.taken))


def _measured(  # noqa: PLR0913 - keyword-only arguments are clear in any number
    results: Results,
    pace: Pace,
    folder: Path,
    *,
    with_peers: bool,
    only_transports: bool,
    keep: Callable[[Results], None],
) -> Results:
    registry = find_registry()
    graph = fetch_graph(registry, folder)
    samples = _Kept(results, keep)
    with _running_suite(pace, folder, graph, results.workers) as suite:
        absent = _run_transports(
            suite, registry, folder, workers=results.workers, repeats=pace.repeats, samples=samples
        )
        if not only_transports:
            samples.take(suite.run(pace.repeats))
            samples.take(log_modes(suite.ours, registry, folder, workers=results.workers, repeats=pace.repeats))
        peers = dict(_run_peers(suite, pace, registry, results.workers)) if with_peers else {}
        started = {peer: each.ready_seconds for peer, each in peers.items() if each.ready_seconds is not None}
        return replace(
            results,
            ready_seconds={names.HOUSING: suite.ours.service.server.ready_seconds} | started,
            resident_bytes=suite.ours.service.resident_bytes(),
            absent=absent | {peer: each.absence for peer, each in peers.items() if each.absence},
            samples=[*samples.taken, *(sample for each in peers.values() for sample in each.samples)],
        )


@contextmanager
def _running_suite(pace: Pace, folder: Path, graph: Path, workers: int) -> Iterator[Suite]:
    """Run the service and the reference servers until the end of the block."""
    payloads = Payloads(folder=folder, block_groups=read_block_groups(_TEST_ROWS))
    click.echo("starting the servers", err=True)
    with ExitStack() as stack:
        service = stack.enter_context(running_service(find_registry(), folder, workers))
        yield Suite(
            ours=ServiceTrials(service=service, payloads=payloads, seconds=pace.seconds),
            gateway=stack.enter_context(running_gateway(service, folder)),
            references={
                names.NO_OP: stack.enter_context(running_reference("no_op", folder, workers)),
                names.BARE: stack.enter_context(running_reference("bare_onnx", folder, workers, str(graph))),
            },
            graph=BareGraph(graph, pace.seconds / 2),
            teacher=BareGraph(_TEACHER, pace.seconds / 2) if _TEACHER.exists() else None,
        )


def _run_transports(  # noqa: PLR0913 - keyword-only arguments are clear in any number
    suite: Suite, registry: Registry, folder: Path, *, workers: int, repeats: int, samples: _Kept
) -> dict[str, str]:
    """Compare the transports; return what could not be measured, and why."""
    with running_transports(suite.ours, suite.references, registry, folder, workers) as (transports, absent):
        samples.take(transports.run(repeats))
        return dict(absent)


def _run_peers(suite: Suite, pace: Pace, registry: Registry, workers: int) -> Iterator[tuple[str, PeerRun]]:
    folder = suite.ours.payloads.folder
    table = write_training_table(folder)
    with ExitStack() as stack:
        if find_spec("pyvoy") is not None:
            service = stack.enter_context(running_service(registry, folder, workers, transport="envoy"))
            suite = replace(suite, inside=replace(suite.ours, service=service))
        for peer in PEERS:
            yield peer.name, _run_peer(suite, pace, peer, table, workers)


def _run_peer(suite: Suite, pace: Pace, peer: Peer, table: Path, workers: int) -> PeerRun:
    """Measure a peer in alternation with the service; any failure is part of its result."""
    outcome = PeerRun(samples=[])
    try:
        click.echo(f"installing {peer.name}", err=True)
        install(peer, table)
        with running_peer(peer, suite.ours.payloads, workers) as running:
            running.check()
            outcome = replace(outcome, ready_seconds=running.server.ready_seconds)
            alone, saturated = names.alone(peer.name), names.against(peer.name)
            trials = [suite.ours.one_at_a_time(alone), running.trial(alone, 1, pace.seconds)]
            outcome.samples.extend(measure(trials, pace.repeats))
            # Both get the same load generator: h2load costs less than ghz, which would favour the peer.
            ours = (
                suite.ours.over_http2(saturated, names.HOUSING) if peer.http_path else suite.ours.saturated(saturated)
            )
            trials = [
                ours,
                suite.ours.json_through(suite.gateway, saturated),
                *([suite.inside.json_inside(saturated)] if suite.inside else []),
                running.trial(saturated, names.SATURATED, pace.seconds),
            ]
            outcome.samples.extend(measure(trials, pace.repeats))
    except BenchmarkError as error:
        click.echo(f"{peer.name}: {error}", err=True)
        # The path of this checkout does not belong in the report.
        return replace(outcome, absence=str(error).replace(f"{ROOT}/", ""))
    return outcome
