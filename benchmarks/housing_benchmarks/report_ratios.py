"""The report's ratios: the service relative to the reference servers, and to itself under other conditions."""

from housing_benchmarks import names
from housing_benchmarks.figures import (
    answered_share,
    cpu_per_call,
    goodput,
    late_share,
    lost_share,
    p99,
    refusal_p50,
    refusal_p99,
    refused_share,
    rows_per_core_second,
    throughput,
)
from housing_benchmarks.overload import DEADLINE_SECONDS
from housing_benchmarks.results import Key, Results
from housing_benchmarks.tables import MILLI, number, percent, ratio, table

_OVERLOADS = {
    "unary calls, five times as many": (names.OVERLOAD, names.OVERLOADED),
    "unary calls, fifty times as many": (names.OVERLOAD, names.STORMED),
    "batches of 1,000 rows, five times as many": (names.OVERLOAD_BATCHES, names.OVERLOADED),
    "batches of 1,000 rows, fifty times as many": (names.OVERLOAD_BATCHES, names.STORMED),
}
_LOGS = {"lenient (default)": names.HOUSING, "strict": names.LOG_STRICT}


def compare(results: Results) -> str:
    """Render the ratios of a run."""
    sections = [
        _calls(results),
        _batches(results),
        "### Beside batches\n\n" + _beside_batches(results),
        "### Overload\n\n" + _overload(results),
        "### Prediction log\n\n" + _prediction_log(results),
    ]
    return "\n\n".join(sections)


def _calls(results: Results) -> str:
    headings = ("unary calls", "throughput to no-op", "CPU to no-op", "throughput to bare", "CPU to bare")
    rows = [
        (
            f"{in_flight} in flight",
            *(
                ratio(results.ratio(figure, (names.unary(in_flight), names.HOUSING), (names.unary(in_flight), to)))
                for to in (names.NO_OP, names.BARE)
                for figure in (throughput, cpu_per_call)
            ),
        )
        for in_flight in names.IN_FLIGHT
    ]
    return table(headings, rows)


def _batches(results: Results) -> str:
    headings = ("batches", "CPU to ONNX Runtime alone", "CPU to bare", "rows for a second of CPU")
    return table(headings, [_batch(results, rows) for rows in names.BATCH_ROWS])


def _batch(results: Results, rows: int) -> tuple[str, str, str, str]:
    scenario = names.batch(rows)
    ours = (scenario, names.HOUSING)
    return (
        f"{rows:,} {'rows' if rows > 1 else 'row'}",
        ratio(results.ratio(cpu_per_call, ours, (scenario, names.GRAPH))),
        ratio(results.ratio(cpu_per_call, ours, (scenario, names.BARE))),
        number(results.typical(ours, rows_per_core_second)),
    )


def _beside_batches(results: Results) -> str:
    alone, beside = ((names.BESIDE_BATCHES, each) for each in (names.HOUSING, names.BESIDE))
    headings = ("200 unary calls a second", "p99 to that alone", "p99 ms", "p99 ms alone")
    row = (
        "while batches of 10,000 rows run back to back",
        ratio(results.ratio(p99, beside, alone)),
        number(results.typical(beside, p99), MILLI),
        number(results.typical(alone, p99), MILLI),
    )
    return table(headings, [row])


def _overload(results: Results) -> str:
    headings = (
        *("calls in flight", "goodput to the peak", "in time", "refused", "too late", "failed otherwise"),
        *("refused after, p50 ms", "p99 ms"),
    )
    note = (
        f"Clients wait {DEADLINE_SECONDS:g} s for an answer, and retry refused calls at once. At the peak there are as "
        "many calls as keep every worker busy.\n\n"
    )
    return note + table(headings, [_overloaded(results, what, key) for what, key in _OVERLOADS.items()])


def _overloaded(results: Results, what: str, key: Key) -> tuple[str, ...]:
    shares = (answered_share, refused_share, late_share, lost_share)
    return (
        what,
        ratio(results.ratio(goodput, key, (key[0], names.HOUSING))),
        *(percent(results.typical(key, figure)) for figure in shares),
        *(number(results.typical(key, figure), MILLI) for figure in (refusal_p50, refusal_p99)),
    )


def _prediction_log(results: Results) -> str:
    headings = ("prediction log", "throughput to none", "CPU a call to none", "p99 to none")
    off = (names.PREDICTION_LOG, names.LOG_OFF)
    rows = [
        (
            what,
            *(
                ratio(results.ratio(figure, (names.PREDICTION_LOG, contestant), off))
                for figure in (throughput, cpu_per_call, p99)
            ),
        )
        for what, contestant in _LOGS.items()
    ]
    note = "CPU counts the recorder until the last prediction is in the store.\n\n"
    return note + table(headings, rows)
