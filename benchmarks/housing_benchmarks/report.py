"""The report of a run, in Markdown: ratios first, then absolute figures, then the machine."""

from collections.abc import Iterator

from housing_benchmarks.figures import cpu_per_call, cpu_per_row, p50, p99, throughput
from housing_benchmarks.marks import Mark, marks
from housing_benchmarks.report_peers import compare_peers
from housing_benchmarks.report_ratios import compare
from housing_benchmarks.report_transports import compare_transports
from housing_benchmarks.results import Key, Results
from housing_benchmarks.tables import MICRO, MILLI, NOTHING, number, table

_MEBI = 2**-20
_BUSY = 0.1
"""Processors kept busy by other programs beyond which they affect the figures."""
_ABSOLUTE_HEADINGS = ("scenario", "rows/s", "p50 ms", "p99 ms", "CPU us a call", "CPU us a row", "RSS MiB", "failed")


def render(results: Results) -> str:
    """Render the report of a run."""
    sections = [
        _introduction(results),
        "## Marks\n\n" + _marks(marks(results)),
        "## Transports\n\n" + compare_transports(results),
        "## Ratios\n\n" + compare(results),
        "![Processor time](plots/cpu.svg)\n\n![Batches](plots/batches.svg)",
        "## Peers\n\n" + compare_peers(results),
        "## Figures\n\n" + _absolute(results),
        "## Memory and start\n\n" + _memory(results),
        "## Machine\n\n" + _machine(results),
    ]
    return "\n\n".join(sections) + "\n"


def _introduction(results: Results) -> str:
    busy = (
        f" **Other programs were running**: they kept {results.other_cores} processors busy on average, and the load "
        f"average before the start was {results.load_average}. Use ratios and processor time from this run, not "
        "throughput or latency."
        if results.other_cores > _BUSY
        else ""
    )
    return (
        "# Benchmarks\n\n"
        f"Measured on {results.date} at commit `{results.commit}` with {results.workers} workers, by "
        "`make bench` or `make bench-quick`, which write this file; how is in "
        f"[docs/performance.md](../docs/performance.md).{busy}\n\n"
        "A ratio is the median of the ratios of measurements taken in direct succession. CPU is the time of the "
        "server's processes, without the load generator's, although it shares the processors."
    )


def _marks(found: list[Mark]) -> str:
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [(mark.what, _limit(mark), _measured(mark), words[mark.held]) for mark in found]
    note = (
        "\n\nThat no call is lost when a worker dies, the model is swapped or SIGTERM arrives is checked in "
        "`tests/integration`."
    )
    return table(("what", "mark", "measured", "held"), rows) + note


def _limit(mark: Mark) -> str:
    return f"{'<=' if mark.at_most else '>='} {mark.limit:,g} {mark.unit}"


def _measured(mark: Mark) -> str:
    return f"{number(mark.measured)} {mark.unit}" if mark.measured is not None else NOTHING


def _absolute(results: Results) -> str:
    keys = list(dict.fromkeys((sample.scenario, sample.contestant) for sample in results.samples))
    return table(_ABSOLUTE_HEADINGS, [_figures(results, key) for key in keys])


def _figures(results: Results, key: Key) -> tuple[str, ...]:
    scenario, contestant = key
    return (
        f"{scenario}: {contestant}",
        number(results.typical(key, throughput)),
        number(results.typical(key, p50), MILLI),
        number(results.typical(key, p99), MILLI),
        number(results.typical(key, cpu_per_call), MICRO),
        number(results.typical(key, cpu_per_row), MICRO),
        number(results.typical(key, lambda sample: float(sample.rss_bytes)), _MEBI),
        f"{sum(count for sample in results.of(key) for count in sample.failures.values()):,}",
    )


def _memory(results: Results) -> str:
    memory = [(name, number(size, _MEBI)) for name, size in results.resident_bytes.items()]
    started = [(name, number(seconds)) for name, seconds in results.ready_seconds.items()]
    return table(("process of the service", "RSS MiB"), memory) + "\n\n" + table(("server", "s to be ready"), started)


def _machine(results: Results) -> str:
    return "\n".join(_lines(results))


def _lines(results: Results) -> Iterator[str]:
    for name, value in results.machine.items():
        spelt = ", ".join(f"{each} {what}" for each, what in value.items()) if isinstance(value, dict) else value
        yield f"- {name.replace('_', ' ')}: {spelt}"
    yield f"- load average before the run: {results.load_average}"
    yield f"- processors kept busy by other programs during the run, on average: {results.other_cores}"
