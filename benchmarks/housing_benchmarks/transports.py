"""The service's transports side by side, beside the limits of each: unary calls, by connections and streams."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc

from housing_benchmarks import names
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.h2load import HttpLoad
from housing_benchmarks.payloads import STREAM_MESSAGES
from housing_benchmarks.processes import usage_of
from housing_benchmarks.references import Reference, running_go, running_reference
from housing_benchmarks.registry import Registry
from housing_benchmarks.service import running_service
from housing_benchmarks.service_trials import PREDICTION_SERVICE, ServiceTrials
from housing_benchmarks.trials import Sample, Trial, measure

_STREAMS = 16
"""At a time, each on a connection of its own."""
_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transports:
    """Everything that runs, and what it is asked."""

    services: Mapping[str, ServiceTrials]
    """The service over each transport, by contestant."""
    references: Mapping[str, Reference]
    """The servers that do less, by contestant."""

    def run(self, repeats: int) -> Iterator[Sample]:
        """Measure everything in turns, once all are warm."""
        briefly = {name: replace(each, seconds=each.seconds / 2) for name, each in self.services.items()}
        list(measure(replace(self, services=briefly).shape(*names.SHAPES[-1]), repeats=1, leave_out=True))
        for shape in names.SHAPES:
            yield from measure(self.shape(*shape), repeats, leave_out=True)
        if names.ENVOY in self.services:
            yield from measure(self.json(), repeats, leave_out=True)
            yield from measure(self.streams(), repeats, leave_out=True)
            yield from measure(self.offered(), repeats, leave_out=True)

    def shape(self, connections: int, streams: int) -> list[Trial]:
        """Call Predict everywhere, so many calls at a time on each of so many connections."""
        scenario = names.shape(connections, streams)
        ours = next(iter(self.services.values()))

        def load(port: int) -> HttpLoad:
            return HttpLoad(
                url=f"http://127.0.0.1:{port}/{PREDICTION_SERVICE}/Predict",
                payload=ours.payloads.framed(),
                in_flight=connections * streams,
                connections=connections,
                seconds=ours.seconds,
            )

        references = [
            Trial(
                scenario=scenario,
                contestant=name,
                drive=load(reference.port).run,
                usage=lambda servers=reference.servers: usage_of(servers),  # type: ignore[misc]
            )
            for name, reference in self.references.items()
        ]
        services = [
            trials.trial(scenario, name, load(trials.service.grpc_port).run) for name, trials in self.services.items()
        ]
        return [*references, *services]

    def streams(self) -> list[Trial]:
        """Stream to the service inside Envoy, beside unary calls."""
        ours = self.services[names.ENVOY]
        load = replace(ours.load("StreamPredict", _STREAMS), payload=ours.payloads.stream())
        scenario = names.STREAM_INSIDE_ENVOY
        streams = ours.trial(scenario, names.ENVOY, load.run, rows=STREAM_MESSAGES)
        return [streams, ours.saturated(scenario, names.UNARY)]

    def json(self) -> list[Trial]:
        """Send JSON to the service inside Envoy, beside unary calls of the same load generator."""
        ours, scenario = self.services[names.ENVOY], names.JSON_INSIDE_ENVOY
        return [ours.json_inside(scenario), ours.over_http2(scenario, names.UNARY)]

    def offered(self) -> list[Trial]:
        """Call Predict inside Envoy at a fixed rate."""
        ours = self.services[names.ENVOY]
        load = ours.load("Predict", names.SATURATED)
        load = replace(load, calls_per_second=names.OFFERED_INSIDE_ENVOY, seconds=2 * load.seconds)
        return [ours.trial(names.OFFERED_MORE, names.ENVOY, load.run)]


@contextmanager
def running_transports(
    ours: ServiceTrials, references: Mapping[str, Reference], registry: Registry, folder: Path, workers: int
) -> Iterator[tuple[Transports, Mapping[str, str]]]:
    """Run the service inside Envoy and the limits beside what runs already; yield all, and why something is missing."""
    services, others, absent = {names.HOUSING: ours}, dict(references), {}
    answer = ours.payloads.answer()
    with ExitStack() as stack:
        try:
            others[names.NO_OP_GO] = _checked(stack.enter_context(running_go(folder, answer)), answer)
        except BenchmarkError as error:
            absent[names.NO_OP_GO] = str(error)
        try:
            if find_spec("pyvoy") is None:
                raise BenchmarkError("the extra `embedded` is not installed")
            limit = stack.enter_context(running_reference("no_op_asgi", folder, workers, str(answer)))
            others[names.NO_OP_ASGI] = _checked(limit, answer)
            service = stack.enter_context(running_service(registry, folder, workers, transport="envoy"))
            services[names.ENVOY] = replace(ours, service=service)
        except BenchmarkError as error:
            absent[names.ENVOY] = str(error)
        yield Transports(services=services, references=others), absent


def _checked(reference: Reference, answer: Path) -> Reference:
    """Call a no-op server once: h2load takes every gRPC status for success.

    Raises:
        BenchmarkError: it does not answer as it should.
    """
    with grpc.insecure_channel(f"127.0.0.1:{reference.port}") as channel:
        predict: Any = channel.unary_unary(f"/{PREDICTION_SERVICE}/Predict")
        try:
            answered = predict(b"", timeout=_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            raise BenchmarkError(f"it does not answer: {error}") from error
    if answered != answer.read_bytes():
        raise BenchmarkError("it answers something else")
    return reference
