"""The report's comparison of the service's two transports, and of the limits of each."""

from housing_benchmarks import names
from housing_benchmarks.figures import cpu_per_call, p50, throughput
from housing_benchmarks.results import Figure, Results
from housing_benchmarks.tables import MICRO, number, ratio, table

_CONTESTANTS = (names.NO_OP_GO, names.NO_OP_ASGI, names.NO_OP, names.BARE, names.HOUSING, names.ENVOY)
_LIMITS = (names.NO_OP, names.BARE, names.NO_OP_GO, names.NO_OP_ASGI, names.HOUSING)
_SHAPES = tuple(names.shape(*each) for each in names.SHAPES)


def compare_transports(results: Results) -> str:
    """Render the comparison."""
    note = (
        "Unary calls of h2load, by connections x calls at a time on each. The service has everything on, and its CPU "
        "includes the recorder's; of the others each does only what its name says."
    )
    sections = [
        note,
        _figures(results, "calls/s", throughput, 1.0),
        _figures(results, "CPU us a call", cpu_per_call, MICRO),
        _figures(results, "p50 us", p50, MICRO),
        "### The service inside Envoy, to the others",
        _ratios(results, "CPU per call to", cpu_per_call),
        _ratios(results, "throughput to", throughput),
    ]
    return "\n\n".join([*sections, *_absent(results)])


def _figures(results: Results, heading: str, figure: Figure, scale: float) -> str:
    rows = [
        (contestant, *(number(results.typical((shape, contestant), figure), scale) for shape in _SHAPES))
        for contestant in _CONTESTANTS
    ]
    return table((heading, *_SHAPES), rows)


def _ratios(results: Results, heading: str, figure: Figure) -> str:
    rows = [
        (limit, *(ratio(results.ratio(figure, (shape, names.ENVOY), (shape, limit))) for shape in _SHAPES))
        for limit in _LIMITS
    ]
    return table((heading, *_SHAPES), rows)


def _absent(results: Results) -> list[str]:
    missing = [f"- {name}: {results.absent[name]}" for name in _CONTESTANTS if name in results.absent]
    return ["Not measured:\n\n" + "\n".join(missing)] if missing else []
