"""The plots of a run, as SVG."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from housing_benchmarks import names
from housing_benchmarks.figures import cpu_per_call, cpu_per_row, throughput
from housing_benchmarks.peers import PEERS
from housing_benchmarks.results import Results
from housing_benchmarks.tables import MICRO

_SIZE = (7.0, 2.8)


def draw(results: Results, folder: Path) -> None:
    """Draw a run's plots into a folder."""
    folder.mkdir(exist_ok=True)
    with plot(folder / "cpu.svg") as axes:
        _draw_cpu(results, axes)
    with plot(folder / "batches.svg") as axes:
        _draw_batches(results, axes)
    if any(results.of((names.against(peer.name), peer.name)) for peer in PEERS):
        with plot(folder / "peers.svg") as axes:
            _draw_peers(results, axes)


@contextmanager
def plot(path: Path) -> Iterator[Axes]:
    """Yield axes, and write them to a file at the end of the block."""
    # Deterministic output.
    with mpl.rc_context({"svg.hashsalt": "housing", "font.size": 9}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        yield axes
        figure.savefig(path, metadata={"Date": None})


def _draw_cpu(results: Results, axes: Axes) -> None:
    contestants = (names.NO_OP, names.BARE, names.HOUSING)
    for shift, in_flight in enumerate(names.IN_FLIGHT):
        typical = [results.typical((names.unary(in_flight), each), cpu_per_call) or 0 for each in contestants]
        places = [place + 0.27 * (shift - 1) for place in range(len(contestants))]
        axes.barh(places, [seconds * MICRO for seconds in typical], 0.25, label=f"{in_flight} in flight")
    axes.set_yticks(range(len(contestants)), contestants)
    axes.set_xlabel("microseconds of CPU for a unary call")
    axes.legend(frameon=False)


def _draw_batches(results: Results, axes: Axes) -> None:
    for contestant in (names.GRAPH, names.BARE, names.HOUSING):
        keys = [(names.batch(rows), contestant) for rows in names.BATCH_ROWS]
        typical = [results.typical(key, cpu_per_row) for key in keys]
        points = [(rows, cpu * MICRO) for rows, cpu in zip(names.BATCH_ROWS, typical, strict=True) if cpu]
        axes.loglog([rows for rows, _ in points], [cpu for _, cpu in points], marker="o", label=contestant)
    axes.set_xlabel("rows in a batch")
    axes.set_ylabel("microseconds of CPU for a row")
    axes.legend(frameon=False)


def _draw_peers(results: Results, axes: Axes) -> None:
    found = {peer.name: results.typical((names.against(peer.name), peer.name), throughput) for peer in PEERS}
    rates = {name: rate for name, rate in found.items() if rate}
    ours = results.typical((names.unary(names.SATURATED), names.HOUSING), throughput)
    bars = {**rates, names.HOUSING: ours or 0}
    axes.barh(list(bars), list(bars.values()))
    axes.set_xlabel("predictions a second, saturated, one a call")
