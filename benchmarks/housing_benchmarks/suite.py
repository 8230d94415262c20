"""The measurements of the service against the two reference servers and the bare graph."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from housing_benchmarks import names
from housing_benchmarks.bare_graph import BareGraph, own_usage
from housing_benchmarks.ghz import GrpcLoad
from housing_benchmarks.load import CONNECTIONS, Load
from housing_benchmarks.overload import overload, overload_of_batches
from housing_benchmarks.payloads import STREAM_MESSAGES
from housing_benchmarks.processes import usage_of
from housing_benchmarks.references import Reference
from housing_benchmarks.service import Gateway
from housing_benchmarks.service_trials import ServiceTrials
from housing_benchmarks.trials import Sample, Trial, measure

_STREAMS = CONNECTIONS
"""Concurrent streams. With four, the kernel occasionally gave all of them to one worker."""
_LARGEST_BATCH = names.BATCH_ROWS[-1]
_RATE_BESIDE_BATCHES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """All running servers, and the scenarios to measure."""

    ours: ServiceTrials
    gateway: Gateway
    """The gateway in front of the service."""
    references: Mapping[str, Reference]
    """The reference servers, by name."""
    graph: BareGraph
    """The graph without a server."""
    teacher: BareGraph | None = None
    """The graph that the champion has learnt from, where it has been trained on this machine."""
    inside: ServiceTrials | None = None
    """The service inside Envoy, where it is compared with peers."""

    def run(self, repeats: int) -> Iterator[Sample]:
        """Measure all scenarios, after a warm-up."""
        briefly = replace(self, ours=replace(self.ours, seconds=self.ours.seconds / 2))
        list(measure(briefly.unary(names.SATURATED), repeats=1))
        for trials in self._scenarios():
            yield from measure(trials, repeats)

    def unary(self, in_flight: int) -> list[Trial]:
        """Return trials of Predict on the service and both references, with `in_flight` concurrent calls."""
        return self._everywhere(names.unary(in_flight), self.ours.load("Predict", in_flight))

    def batch(self, rows: int) -> list[Trial]:
        """Return trials of batches, one at a time, on the service and the bare server, and of the graph itself."""
        scenario, matrix = names.batch(rows), self.ours.payloads.rows(rows)
        alone = Trial(
            scenario=scenario,
            contestant=names.GRAPH,
            drive=lambda: self.graph.price(matrix),
            usage=own_usage,
            rows=rows,
        )
        calls = self._everywhere(scenario, self.ours.batches(rows), rows=rows)
        return [*(trial for trial in calls if trial.contestant != names.NO_OP), alone]

    def graph_alone(self) -> list[Trial]:
        """Return trials of every output of the graphs: of one row with caches flushed, and of 1,000 rows."""
        rows = self.ours.payloads.rows(4_000)
        graphs = {names.GRAPH: self.graph} | ({names.TEACHER: self.teacher} if self.teacher else {})
        return [
            Trial(
                scenario=scenario,
                contestant=contestant,
                drive=partial(graph.answer, rows, at_once, flushed=flushed),
                usage=own_usage,
                rows=at_once,
            )
            for scenario, at_once, flushed in ((names.GRAPH_ROW, 1, True), (names.GRAPH_ROWS, 1_000, False))
            for contestant, graph in graphs.items()
        ]

    def stream(self) -> list[Trial]:
        """Return trials of streams on the service and both references, and of unary calls."""
        load = replace(self.ours.load("StreamPredict", _STREAMS), payload=self.ours.payloads.stream())
        calls = self._everywhere(names.STREAM, load, rows=STREAM_MESSAGES)
        return [*calls, self.ours.saturated(names.STREAM, names.UNARY)]

    def json(self) -> list[Trial]:
        """Return trials of JSON through the gateway, and of unary calls from the same load generator."""
        through = self.ours.json_through(self.gateway, names.JSON_BODIES)
        return [through, self.ours.over_http2(names.JSON_BODIES, names.UNARY)]

    def offered(self) -> list[Trial]:
        """Return trials of Predict at a fixed rate."""
        load = self.ours.load("Predict", names.SATURATED)
        load = replace(load, calls_per_second=names.OFFERED_RATE, seconds=2 * load.seconds)
        return [trial for trial in self._everywhere(names.OFFERED, load) if trial.contestant != names.BARE]

    def beside_batches(self) -> list[Trial]:
        """Return trials of occasional Predict calls: alone, and during back-to-back calls with the largest batch."""
        calls = replace(self.ours.load("Predict", names.SATURATED), calls_per_second=_RATE_BESIDE_BATCHES)
        batches = self.ours.batches(_LARGEST_BATCH)

        def drive() -> Load:
            with ThreadPoolExecutor() as threads:
                beside, load = threads.submit(batches.run), threads.submit(calls.run)
                return replace(load.result(), failures={**load.result().failures, **beside.result().failures})

        return [
            self.ours.trial(names.BESIDE_BATCHES, names.HOUSING, calls.run),
            self.ours.trial(names.BESIDE_BATCHES, names.BESIDE, drive),
        ]

    def _scenarios(self) -> Iterator[list[Trial]]:
        for in_flight in names.IN_FLIGHT:
            yield self.unary(in_flight)
        for rows in names.BATCH_ROWS:
            yield self.batch(rows)
        yield from (self.graph_alone(), [self.ours.explanations()])
        yield from (self.stream(), self.json(), self.offered(), self.beside_batches())
        yield from (overload(self.ours), overload_of_batches(self.ours))

    def _everywhere(self, scenario: str, load: GrpcLoad, *, rows: int = 1) -> list[Trial]:
        references = [
            Trial(
                scenario=scenario,
                contestant=name,
                drive=replace(load, target=f"127.0.0.1:{reference.port}").run,
                usage=lambda servers=reference.servers: usage_of(servers),  # type: ignore[misc]
                rows=rows,
            )
            for name, reference in self.references.items()
        ]
        return [*references, self.ours.trial(scenario, names.HOUSING, load.run, rows=rows)]
