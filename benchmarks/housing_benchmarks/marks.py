"""The marks that the service is held to, and what a run says to each."""

from dataclasses import dataclass

from housing_benchmarks import names
from housing_benchmarks.results import Figure, Results
from housing_benchmarks.trials import Sample

_MARK_BATCH = 1_000
"""Rows of the batch that has a mark."""

PEER_MARKS = {"Flask": 15.0, "FastAPI": 15.0, "MLflow": 20.0, "MLServer": 20.0, "BentoML": 20.0}
"""How many times the throughput of each peer the service must reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something to reach."""

    what: str
    """What is compared."""
    limit: float
    """The mark."""
    measured: float | None
    """What the run says; None when it has not measured it."""
    at_most: bool = False
    """Whether the mark must not be exceeded, rather than reached."""
    unit: str = "x"
    """`x` for ratios."""

    @property
    def held(self) -> bool | None:
        """Whether it is reached; None when it was not measured."""
        if self.measured is None:
            return None
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit


def throughput(sample: Sample) -> float:
    """Rows a second."""
    return sample.rows_per_second


def cpu_per_call(sample: Sample) -> float:
    """Processor seconds a call."""
    return sample.cpu_seconds_per_call


def rows_per_core_second(sample: Sample) -> float:
    """Rows that one second of a processor answers."""
    return 1 / sample.cpu_seconds_per_row


def milliseconds_p99(sample: Sample) -> float:
    """Milliseconds that 99 of 100 calls do not exceed."""
    return sample.p99_seconds * 1e3


def marks(results: Results) -> list[Mark]:
    """Hold a run against the marks."""
    return [*_own(results), *(_peer(results, peer, limit) for peer, limit in PEER_MARKS.items())]


def _own(results: Results) -> list[Mark]:
    saturated, thousand = names.unary(names.SATURATED), names.batch(_MARK_BATCH)

    def within(scenario: str, figure: Figure, of: str, to: str) -> float | None:
        return results.ratio(figure, (scenario, of), (scenario, to))

    return [
        Mark(
            what="unary throughput, saturated, to the no-op server's",
            limit=0.85,
            measured=within(saturated, throughput, names.HOUSING, names.NO_OP),
        ),
        Mark(
            what="CPU per unary call, saturated, to the no-op server's",
            limit=1.20,
            at_most=True,
            measured=within(saturated, cpu_per_call, names.HOUSING, names.NO_OP),
        ),
        Mark(
            what="unary throughput, saturated, to that of bare grpc.aio + ONNX Runtime",
            limit=1.0,
            measured=within(saturated, throughput, names.HOUSING, names.BARE),
        ),
        Mark(
            what="`BatchPredict` of 1,000 rows, for each second of CPU",
            limit=25_000,
            unit="rows/s",
            measured=results.typical((thousand, names.HOUSING), rows_per_core_second),
        ),
        Mark(
            what="CPU of `BatchPredict` of 1,000 rows, to that of ONNX Runtime alone",
            limit=1.5,
            at_most=True,
            measured=within(thousand, cpu_per_call, names.HOUSING, names.GRAPH),
        ),
        Mark(
            what="`StreamPredict` throughput, to that of unary calls",
            limit=4.0,
            measured=within(names.STREAM, throughput, names.HOUSING, names.UNARY),
        ),
        Mark(
            what="throughput of JSON through Envoy, to that of unary calls",
            limit=0.6,
            measured=within(names.JSON_BODIES, throughput, names.JSON, names.UNARY),
        ),
        Mark(
            what="p99 at 1,000 calls/s offered",
            limit=20.0,
            at_most=True,
            unit="ms",
            measured=results.typical((names.OFFERED, names.HOUSING), milliseconds_p99),
        ),
    ]


def _peer(results: Results, peer: str, limit: float) -> Mark:
    scenario = names.against(peer)
    return Mark(
        what=f"unary throughput, saturated, to that of {peer}",
        limit=limit,
        measured=results.ratio(throughput, (scenario, names.HOUSING), (scenario, peer)),
    )
