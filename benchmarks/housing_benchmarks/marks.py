"""The targets of the service, and their values in a run."""

from dataclasses import dataclass

from housing_benchmarks import names
from housing_benchmarks.figures import cpu_per_call, goodput, milliseconds_p99, rows_per_core_second, throughput
from housing_benchmarks.results import Results

_SATURATED = names.unary(names.SATURATED)
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
        *_under_pressure(results),
        *_of_the_log(results),
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
    ours, graph = (_THOUSAND, names.HOUSING), (_THOUSAND, names.GRAPH)
    return [
        Mark(
            what="`BatchPredict` of 1,000 rows, for each second of CPU",
            limit=25_000,
            unit="rows/s",
            measured=results.typical(ours, rows_per_core_second),
        ),
        Mark(
            what="CPU of `BatchPredict` of 1,000 rows, to that of ONNX Runtime alone",
            limit=1.5,
            at_most=True,
            measured=results.ratio(cpu_per_call, ours, graph),
        ),
        Mark(
            what="`StreamPredict` throughput, to that of unary calls",
            limit=4.0,
            measured=results.ratio(throughput, (names.STREAM, names.HOUSING), (names.STREAM, names.UNARY)),
        ),
        Mark(
            what="throughput of JSON through Envoy, to that of unary calls",
            limit=0.6,
            measured=results.ratio(throughput, (names.JSON_BODIES, names.JSON), (names.JSON_BODIES, names.UNARY)),
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


def _of_peer(results: Results, peer: str, limit: float) -> Mark:
    scenario = names.against(peer)
    return Mark(
        what=f"unary throughput, saturated, to that of {peer}",
        limit=limit,
        measured=results.ratio(throughput, (scenario, names.HOUSING), (scenario, peer)),
    )
