"""What is measured of the service and of the two reference servers."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from housing_benchmarks import names
from housing_benchmarks.bare_graph import own_usage
from housing_benchmarks.ghz import GrpcLoad
from housing_benchmarks.h2load import HttpLoad
from housing_benchmarks.load import Load
from housing_benchmarks.payloads import STREAM_MESSAGES, Payloads
from housing_benchmarks.processes import usage_of
from housing_benchmarks.references import Reference
from housing_benchmarks.service import Service
from housing_benchmarks.trials import Sample, Trial, measure

_SERVICE = "housing.v1.PredictionService"
CONNECTIONS = 16
"""Enough for connections, which the kernel deals out at random, to spread over workers."""
_STREAMS = 4
_LARGEST_BATCH = names.BATCH_ROWS[-1]
_RATE_BESIDE_BATCHES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long and how often."""

    seconds: float
    """Time for one measurement of a busy server; the others take about as long."""
    repeats: int
    """Turns of each scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Everything that runs, and what it is asked."""

    service: Service
    """The service and its gateway."""
    references: Mapping[str, Reference]
    """The reference servers, by name."""
    graph: Callable[[NDArray[np.float64]], Load]
    """Runs the graph alone on given rows, for a while."""
    payloads: Payloads
    """The requests."""
    pace: Pace
    """How long and how often."""

    def run(self) -> Iterator[Sample]:
        """Measure everything, once all are warm."""
        warm = replace(self, pace=replace(self.pace, seconds=self.pace.seconds / 2))
        list(measure(warm.unary(names.SATURATED), repeats=1))
        for in_flight in names.IN_FLIGHT:
            yield from measure(self.unary(in_flight), self.pace.repeats)
        for rows in names.BATCH_ROWS:
            yield from measure(self.batch(rows), self.pace.repeats)
        yield from measure(self.stream(), self.pace.repeats)
        yield from measure(self.json(), self.pace.repeats)
        yield from measure(self.offered(), self.pace.repeats)
        yield from measure([self.beside_batches()], self.pace.repeats)

    def unary(self, in_flight: int) -> list[Trial]:
        """Call Predict on the service and both references, so many calls at a time."""
        load = self._load("Predict", in_flight)
        return self._everywhere(names.unary(in_flight), load)

    def batch(self, rows: int) -> list[Trial]:
        """Send batches to the service and to the bare server, one at a time; run the graph alone on the same rows."""
        load = replace(self._load("BatchPredict", 1), payload=self.payloads.batch(rows))
        scenario, matrix = names.batch(rows), self.payloads.rows(rows)
        alone = Trial(
            scenario=scenario,
            contestant=names.GRAPH,
            drive=lambda: self.graph(matrix),
            usage=own_usage,
            rows=rows,
        )
        calls = self._everywhere(scenario, load, rows=rows)
        return [*(trial for trial in calls if trial.contestant != names.NO_OP), alone]

    def stream(self) -> list[Trial]:
        """Stream to the service and both references, beside unary calls."""
        load = replace(self._load("StreamPredict", _STREAMS), payload=self.payloads.stream())
        calls = self._everywhere(names.STREAM, load, rows=STREAM_MESSAGES)
        return [*calls, self.saturated(names.STREAM, names.UNARY)]

    def json(self) -> list[Trial]:
        """Post JSON to the gateway, beside unary calls from the same load generator: h2load costs less than ghz."""
        load = HttpLoad(
            url=f"http://127.0.0.1:{self.service.grpc_port}/{_SERVICE}/Predict",
            payload=self.payloads.framed(),
            in_flight=names.SATURATED,
            connections=CONNECTIONS,
            seconds=self.pace.seconds,
        )
        unary = self._of_service(names.JSON_BODIES, names.UNARY, load.run)
        return [self.json_through_envoy(names.JSON_BODIES), unary]

    def offered(self) -> list[Trial]:
        """Call Predict at a fixed rate."""
        load = self._load("Predict", names.SATURATED)
        load = replace(load, calls_per_second=names.OFFERED_RATE, seconds=2 * load.seconds)
        return [trial for trial in self._everywhere(names.OFFERED, load) if trial.contestant != names.BARE]

    def beside_batches(self) -> Trial:
        """Call Predict now and then, while the largest batches are answered one after the other."""
        calls = replace(self._load("Predict", names.SATURATED), calls_per_second=_RATE_BESIDE_BATCHES)
        batches = replace(self._load("BatchPredict", 1), payload=self.payloads.batch(_LARGEST_BATCH))

        def drive() -> Load:
            with ThreadPoolExecutor() as threads:
                beside, load = threads.submit(batches.run), threads.submit(calls.run)
                return replace(load.result(), failures={**load.result().failures, **beside.result().failures})

        return self._of_service(names.BESIDE_BATCHES, names.HOUSING, drive)

    def saturated(self, scenario: str, contestant: str = names.HOUSING) -> Trial:
        """Call Predict on the service, as many calls at a time as keep every worker busy."""
        return self._of_service(scenario, contestant, self._load("Predict", names.SATURATED).run)

    def one_at_a_time(self, scenario: str) -> Trial:
        """Call Predict on the service, one call at a time."""
        return self._of_service(scenario, names.HOUSING, self._load("Predict", 1).run)

    def json_through_envoy(self, scenario: str) -> Trial:
        """Post JSON to the gateway; the processor time is that of server and gateway together."""
        load = HttpLoad(
            url=f"http://127.0.0.1:{self.service.gateway_port}/api/predict",
            payload=self.payloads.body("gateway"),
            in_flight=names.SATURATED,
            seconds=self.pace.seconds,
        )
        both = (self.service.server, self.service.gateway)
        return replace(self._of_service(scenario, names.JSON, load.run), usage=lambda: usage_of(both))

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
        return [*references, self._of_service(scenario, names.HOUSING, load.run, rows=rows)]

    def _of_service(self, scenario: str, contestant: str, drive: Callable[[], Load], *, rows: int = 1) -> Trial:
        return Trial(
            scenario=scenario,
            contestant=contestant,
            drive=drive,
            usage=lambda: usage_of([self.service.server]),
            failed=self.service.failed_calls,
            rows=rows,
        )

    def _load(self, method: str, in_flight: int) -> GrpcLoad:
        return GrpcLoad(
            target=f"127.0.0.1:{self.service.grpc_port}",
            protoset=self.payloads.protoset,
            method=f"{_SERVICE}/{method}",
            payload=self.payloads.unary(),
            in_flight=in_flight,
            connections=min(in_flight, CONNECTIONS),
            seconds=self.pace.seconds,
        )
