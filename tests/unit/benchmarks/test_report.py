"""The report of a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmark_runs import results, sample
from housing_benchmarks import names
from housing_benchmarks.plots import draw
from housing_benchmarks.report import render
from housing_benchmarks.tables import number, table

RUN = results(sample(names.NO_OP, 0), sample(names.HOUSING, 0, seconds=2))


@pytest.mark.parametrize(
    ("value", "spelt"),
    [(1234.5, "1,230"), (0.29412, "0.294"), (4.8449, "4.84"), (31_912.0, "31,900"), (99.96, "100.0"), (0.0, "0")],
)
def test_figures_have_three_digits(value: float, spelt: str) -> None:
    """As many as repeat from run to run, and thousands are set apart."""
    assert number(value) == spelt


@pytest.mark.parametrize("value", [None, float("nan")])
def test_missing_figures_are_a_dash(value: float | None) -> None:
    """Nothing is spelt as 0 that was not measured."""
    assert number(value) == "-"


def test_tables_are_markdown() -> None:
    """The first column is set left and figures right."""
    assert table(("what", "rows/s"), [("a", "1")]) == "| what | rows/s |\n| --- | ---: |\n| a | 1 |"


def test_ratios_come_first_and_the_machine_last() -> None:
    """Marks, transports, ratios, peers, figures, memory, machine."""
    headings = [line.removeprefix("## ") for line in render(RUN).splitlines() if line.startswith("## ")]
    assert headings == ["Marks", "Transports", "Ratios", "Peers", "Figures", "Memory and start", "Machine"]


def test_overload_tells_refusals_from_answers_too_late() -> None:
    """And how soon refusals came."""
    overloaded = replace(
        sample(names.OVERLOADED, 0, scenario=names.OVERLOAD),
        failures={"ResourceExhausted": 200, "DeadlineExceeded": 50, "Unavailable": 5},
        refused_p50_seconds=0.001,
        refused_p99_seconds=0.004,
    )
    text = render(results(sample(names.HOUSING, 0, scenario=names.OVERLOAD), overloaded))
    shares = "74.5 % | 20.0 % | 5.0 % | 0.5 % | 1.00 | 4.00 |"
    assert f"| unary calls, five times as many | 0.745 x | {shares}" in text


def test_prediction_log_is_held_against_none() -> None:
    """The default log and the strict one are compared with the service without."""
    costs = {names.HOUSING: 0.55, names.LOG_STRICT: 1.0, names.LOG_OFF: 0.5}
    run = results(*(sample(name, 0, scenario=names.PREDICTION_LOG, cpu_seconds=cost) for name, cost in costs.items()))
    assert "| lenient (default) | 1.00 x | 1.10 x | 1.00 x |" in render(run)
    assert "| strict | 1.00 x | 2.00 x | 1.00 x |" in render(run)


def test_missed_mark_is_not_hidden() -> None:
    """A mark that is missed says so beside its ratio."""
    assert "| >= 0.85 x | 0.500 x | **no** |" in render(RUN)


def test_marks_of_the_model_are_in_their_units() -> None:
    """The graph alone in microseconds and milliseconds, explanations in milliseconds, workers in megabytes."""
    run = replace(
        results(
            sample(names.GRAPH, 0, scenario=names.GRAPH_ROW),
            sample(names.GRAPH, 0, scenario=names.GRAPH_ROWS),
            replace(sample(names.HOUSING, 0, scenario=names.EXPLAIN), p95_seconds=0.02),
        ),
        resident_bytes={"worker-0": 90_000_000, "worker-1": 130_000_000, "recorder": 500_000_000},
    )
    text = render(run)
    assert "| <= 20 us | 1,000 us | **no** |" in text
    assert "| <= 1.2 ms | 1.00 ms | yes |" in text
    assert "| <= 25 ms | 20.0 ms | yes |" in text
    assert "| <= 120 MB | 130 MB | **no** |" in text


def test_absent_peer_is_named_with_its_reason() -> None:
    """A peer that cannot be installed or started is told rather than left out."""
    assert "- Flask: pip ended with 1" in render(replace(RUN, absent={"Flask": "pip ended with 1"}))


@pytest.mark.parametrize(("other_cores", "told"), [(0.02, False), (0.6, True)])
def test_busy_machine_is_told(other_cores: float, *, told: bool) -> None:
    """Who reads the figures of a busy machine is warned."""
    assert ("Other programs were running" in render(replace(RUN, other_cores=other_cores))) is told


def test_plots_of_a_run_without_peers_are_drawn(tmp_path: Path) -> None:
    """There is a plot for each that the report shows, and the same run draws the same."""
    draw(RUN, tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(first) == {"cpu.svg", "batches.svg"}
    draw(RUN, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
