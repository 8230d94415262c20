"""The targets of the service, and their values in a run."""

from dataclasses import dataclass

from housing_benchmarks import names
from housing_benchmarks.figures import (
    cpu_per_call,
    goodput,
    microseconds_p50,
    microseconds_per_call,
    milliseconds_p50,
    milliseconds_p95,
    milliseconds_p99,
    p50,
    rows_per_core_second,
    throughput,
)
from housing_benchmarks.results import Results

_SATURATED = names.unary(names.SATURATED)
_MEGA = 1e6
_THOUSAND = names.batch(1_000)
"""The batch size with a target."""

PEER_MARKS = {
    "Flask": 15.0,
    "FastAPI": 15.0,
    "MLflow": 20.0,
    "MLServer": 20.0,
    "BentoML": 20.0,
    "KServe": 20.0,
    "Ray Serve": 20.0,
    "LitServe": 20.0,
}
"""Required throughput relative to each peer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A target."""

    what: str
    """The quantity."""
    limit: float
    """The target value."""
    measured: float | None
    """The value in the run; None if it was not measured."""
    at_most: bool = False
    """Whether the target is an upper bound instead of a lower one."""
    unit: str = "x"
    """`x` for ratios."""

    @property
    def held(self) -> bool | None:
        """Whether the target is met; None if it was not measured."""
        if self.measured is None:
            return None
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit


def marks(results: Results) -> list[Mark]:
    """Return the targets with the values of a run."""
    return [
        *_of_calls(results),
        *_of_many_rows(results),
        *_of_the_model(results),
        *_under_pressure(results),
        *_of_the_log(results),
        *_inside_envoy(results),
        *_alone_inside_envoy(results),
        *_of_json(results),
        *(_of_peer(results, peer, limit) for peer, limit in PEER_MARKS.items()),
    ]


def _of_calls(results: Results) -> list[Mark]:
    ours, no_op, bare = ((_SATURATED, each) for each in (names.HOUSING, names.NO_OP, names.BARE))
    return [
        Mark(
            what="unary throughput, saturated, to the no-op server's",
            limit=0.85,
            measured=results.ratio(throughput, ours, no_op),
        ),
        Mark(
            what="CPU per unary call, saturated, to the no-op server's",
            limit=1.20,
            at_most=True,
            measured=results.ratio(cpu_per_call, ours, no_op),
        ),
        Mark(
            what="unary throughput, saturated, to that of bare grpc.aio + ONNX Runtime",
            limit=1.0,
            measured=results.ratio(throughput, ours, bare),
        ),
    ]


def _of_many_rows(results: Results) -> list[Mark]:
    return [
        Mark(
            what="`BatchPredict` of 1,000 rows, for each second of CPU",
            limit=60_000,
            unit="rows/s",
            measured=results.typical((_THOUSAND, names.HOUSING), rows_per_core_second),
        ),
        Mark(
            what="`StreamPredict` throughput, to that of unary calls",
            limit=4.0,
            measured=results.ratio(throughput, (names.STREAM, names.HOUSING), (names.STREAM, names.UNARY)),
        ),
        Mark(
            what="throughput of JSON through a gateway, to that of unary calls",
            limit=0.6,
            measured=results.ratio(throughput, (names.JSON_BODIES, names.JSON), (names.JSON_BODIES, names.UNARY)),
        ),
    ]


def _of_the_model(results: Results) -> list[Mark]:
    workers = [size for name, size in results.resident_bytes.items() if name.startswith("worker")]
    return [
        Mark(
            what="the graph alone, every output of one row, caches flushed: p50",
            limit=20.0,
            at_most=True,
            unit="us",
            measured=results.typical((names.GRAPH_ROW, names.GRAPH), microseconds_p50),
        ),
        Mark(
            what="the graph alone, every output of 1,000 rows: p50",
            limit=1.2,
            at_most=True,
            unit="ms",
            measured=results.typical((names.GRAPH_ROWS, names.GRAPH), milliseconds_p50),
        ),
        *(
            Mark(
                what=f"the same, {what}: the time of the mixture's graph, to it",
                limit=limit,
                measured=results.ratio(p50, (scenario, names.TEACHER), (scenario, names.GRAPH)),
            )
            for what, scenario, limit in (("one row", names.GRAPH_ROW, 4.5), ("1,000 rows", names.GRAPH_ROWS, 17.0))
        ),
        Mark(
            what="`Explain`, one call at a time: p95",
            limit=25.0,
            at_most=True,
            unit="ms",
            measured=results.typical((names.EXPLAIN, names.HOUSING), milliseconds_p95),
        ),
        Mark(
            what="resident memory of the largest worker",
            limit=120.0,
            at_most=True,
            unit="MB",
            measured=max(workers) / _MEGA if workers else None,
        ),
    ]


def _under_pressure(results: Results) -> list[Mark]:
    return [
        Mark(
            what="p99 at 1,000 calls/s offered",
            limit=20.0,
            at_most=True,
            unit="ms",
            measured=results.typical((names.OFFERED, names.HOUSING), milliseconds_p99),
        ),
        _overload(results, names.OVERLOAD, "unary goodput"),
        _overload(results, names.OVERLOAD_BATCHES, "goodput of batches of 1,000 rows"),
    ]


def _overload(results: Results, scenario: str, what: str) -> Mark:
    return Mark(
        what=f"{what} at five times the saturating load, to the peak",
        limit=0.8,
        measured=results.ratio(goodput, (scenario, names.OVERLOADED), (scenario, names.HOUSING)),
    )


def _of_the_log(results: Results) -> list[Mark]:
    lenient, off = (names.PREDICTION_LOG, names.HOUSING), (names.PREDICTION_LOG, names.LOG_OFF)
    return [
        Mark(
            what="unary throughput, saturated, to that without a prediction log",
            limit=0.85,
            measured=results.ratio(throughput, lenient, off),
        )
    ]


def _inside_envoy(results: Results) -> list[Mark]:
    shape = names.shape(8, 8)
    ours = (shape, names.ENVOY)
    return [
        Mark(
            what="inside Envoy, 64 in flight: throughput to the no-op server's",
            limit=1.25,
            measured=results.ratio(throughput, ours, (shape, names.NO_OP)),
        ),
        _cpu(results, shape, names.NO_OP, "the no-op server's", 0.75),
        Mark(
            what="inside Envoy, 64 in flight: throughput to that of bare grpc.aio + ONNX Runtime",
            limit=3.0,
            measured=results.ratio(throughput, ours, (shape, names.BARE)),
        ),
        _cpu(results, shape, names.NO_OP_ASGI, "that of a no-op application there", 2.0),
        _cpu(results, shape, names.NO_OP_GO, "that of a no-op server in Go", 5.0),
        Mark(
            what="inside Envoy: `StreamPredict` throughput, to that of unary calls",
            limit=2.0,
            measured=results.ratio(
                throughput, (names.STREAM_INSIDE_ENVOY, names.ENVOY), (names.STREAM_INSIDE_ENVOY, names.UNARY)
            ),
        ),
        Mark(
            what="inside Envoy: p99 at 3,000 calls/s offered",
            limit=15.0,
            at_most=True,
            unit="ms",
            measured=results.typical((names.OFFERED_MORE, names.ENVOY), milliseconds_p99),
        ),
    ]


def _alone_inside_envoy(results: Results) -> list[Mark]:
    shape = names.shape(1, 1)
    ours = (shape, names.ENVOY)
    return [
        Mark(
            what="inside Envoy, one call alone: p50 to the no-op server's",
            limit=1.3,
            at_most=True,
            measured=results.ratio(p50, ours, (shape, names.NO_OP)),
        ),
        Mark(
            what="inside Envoy, one call alone: CPU",
            limit=200.0,
            at_most=True,
            unit="us",
            measured=results.typical(ours, microseconds_per_call),
        ),
    ]


def _cpu(results: Results, shape: str, to: str, whose: str, limit: float) -> Mark:
    return Mark(
        what=f"inside Envoy, 64 in flight: CPU per call, to {whose}",
        limit=limit,
        at_most=True,
        measured=results.ratio(cpu_per_call, (shape, names.ENVOY), (shape, to)),
    )


def _of_json(results: Results) -> list[Mark]:
    scenario, inside = names.against("FastAPI"), names.JSON_INSIDE_ENVOY
    return [
        Mark(
            what="inside Envoy: throughput of JSON, to that of FastAPI",
            limit=30.0,
            measured=results.ratio(throughput, (scenario, names.JSON_INSIDE), (scenario, "FastAPI")),
        ),
        Mark(
            what="inside Envoy: CPU of JSON, to that of unary calls",
            limit=1.6,
            at_most=True,
            measured=results.ratio(cpu_per_call, (inside, names.JSON_INSIDE), (inside, names.UNARY)),
        ),
        Mark(
            what="CPU of JSON through a gateway, to that of unary calls",
            limit=1.6,
            at_most=True,
            measured=results.ratio(cpu_per_call, (names.JSON_BODIES, names.JSON), (names.JSON_BODIES, names.UNARY)),
        ),
    ]


def _of_peer(results: Results, peer: str, limit: float) -> Mark:
    scenario = names.against(peer)
    return Mark(
        what=f"unary throughput, saturated, to that of {peer}",
        limit=limit,
        measured=results.ratio(throughput, (scenario, names.HOUSING), (scenario, peer)),
    )
