"""The report of a soak: a table in Markdown, and a plot."""

from collections.abc import Sequence
from pathlib import Path

from housing_benchmarks.plots import plot
from housing_benchmarks.soak.run import CallsMade, Soak
from housing_benchmarks.soak.trends import Trend, trends, warm_up_seconds
from housing_benchmarks.tables import number, table

GROWTH_LIMIT = 0.5 * 2**20
"""Bytes per minute beyond which a process counts as growing: 5 MiB in ten minutes exceed an allocator's
fluctuations."""

_MEBI = 2**-20
_MINUTE = 60.0


def render(soak: Soak) -> str:
    """Render the report of a soak."""
    found = trends(soak.samples, soak.seconds)
    sections = [
        _introduction(soak),
        _verdict(soak, found),
        "## Processes\n\n" + _processes(found),
        f"![Memory](plots/{name_of(soak)}.svg)",
        "## Calls\n\n" + _calls(soak.calls, soak.seconds),
    ]
    return "\n\n".join(sections) + "\n"


def name_of(soak: Soak) -> str:
    """Return the name of its files, without their suffix."""
    return "soak" if soak.transport == "grpc" else f"soak-{soak.transport}"


def draw(soak: Soak, folder: Path) -> None:
    """Draw the processes' memory over time into an SVG in a folder."""
    folder.mkdir(exist_ok=True)
    warm_up = warm_up_seconds(soak.seconds) / _MINUTE
    with plot(folder / f"{name_of(soak)}.svg") as axes:
        for trend in trends(soak.samples, soak.seconds):
            samples = [each for each in soak.samples if each.process == trend.process]
            minutes = [each.seconds / _MINUTE for each in samples]
            (line,) = axes.plot(minutes, [each.rss_bytes * _MEBI for each in samples], label=trend.process)
            ends = (trend.rss.begins * _MEBI, trend.rss.ends * _MEBI)
            axes.plot((warm_up, minutes[-1]), ends, linestyle="--", linewidth=1, color=line.get_color())
        axes.axvspan(0, warm_up, color="0.93")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes")
        axes.set_ylabel("resident memory, MiB")
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _introduction(soak: Soak) -> str:
    cores, processor = soak.machine["cores"], soak.machine["processor"]
    return (
        "# Soak\n\n"
        f"{soak.seconds / _MINUTE:g} minutes of mixed calls at a steady rate, started on {soak.date} at commit "
        f"`{soak.commit}`, with {soak.workers} workers and the transport "
        f"`{soak.transport}` on {cores} cores of {processor}. The load average before was "
        f"{soak.load_average}, and other programs kept {soak.other_cores} processors busy meanwhile. `make soak` "
        "writes this file.\n\n"
        "Growth is the slope of a line fitted by least squares to the measurements, taken every 2 s after the "
        f"first {warm_up_seconds(soak.seconds):g} s."
    )


def _verdict(soak: Soak, found: Sequence[Trend]) -> str:
    growing = [trend.process for trend in found if trend.rss.per_minute > GROWTH_LIMIT]
    failed = sum(sum(each.failures.values()) for each in soak.calls)
    limit = f"{GROWTH_LIMIT * _MEBI:g} MiB a minute"
    memory = (
        f"**These grew by more than {limit}**: {', '.join(growing)}." if growing else f"No process grew by {limit}."
    )
    calls = f"**{failed:,} calls failed.**" if failed else "No call failed."
    refused = sum(each.refused for each in soak.calls)
    if refused:
        calls += f" {refused:,} were refused under overload."
    return (
        f"{memory} {calls}\n\nFrom its start the service took {number(soak.next_start_seconds)} s until every worker "
        f"served, with the model in its cache; {number(soak.first_start_seconds)} s when it had to fetch it first."
    )


def _processes(found: Sequence[Trend]) -> str:
    headings = ("process", "RSS MiB after warm-up", "at the end", "peak", "growth MiB a minute", "files at the end")
    rows = [
        (
            trend.process,
            number(trend.rss.begins, _MEBI),
            number(trend.rss.ends, _MEBI),
            number(trend.peak_rss_bytes, _MEBI),
            f"{trend.rss.per_minute * _MEBI:+.2f}",
            f"{trend.files.ends:.0f} ({trend.files.per_minute:+.2f} a minute)",
        )
        for trend in found
    ]
    return table(headings, rows)


def _calls(calls: Sequence[CallsMade], seconds: float) -> str:
    rows = [
        (
            each.name,
            f"{each.answered:,}",
            number(each.answered * each.rows / seconds),
            f"{each.refused:,}",
            ", ".join(f"{status}: {count:,}" for status, count in each.failures.items()) or "0",
        )
        for each in calls
    ]
    return table(("what", "calls answered", "rows/s", "refused", "failed"), rows)
