"""The graph without a server: the lower bound of a batch's cost."""

import time
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from housing_benchmarks.load import Load, percentile
from housing_benchmarks.processes import Usage
from housing_benchmarks.reference.bare_onnx import load_graph

FLUSHED_BYTES = 8 << 20
"""Memory that is walked through to flush a graph from the caches: several times what one processor has of its own."""
_LINE_BYTES = 64

Rows = NDArray[np.float64]


class BareGraph:
    """A graph, run on one thread of this process."""

    def __init__(self, graph: Path, seconds: float) -> None:
        """Load a graph, to be run for `seconds` in each measurement."""
        self._session, self._seconds = load_graph(graph), seconds
        self._every_output = [output.name for output in self._session.get_outputs()]

    def price(self, rows: Rows) -> Load:
        """Compute the prices of the same rows again and again."""
        return self._timed(["median_house_value"], cycle([rows]))

    def answer(self, rows: Rows, at_once: int, *, flushed: bool = False) -> Load:
        """Compute every output of rows, some at once and others each time: a row seen just before is in the caches.

        Args:
            rows: shape (n, 9).
            at_once: rows of a run.
            flushed: whether caches are flushed before each run, as other work of a server would.
        """
        parts = [rows[at : at + at_once] for at in range(0, len(rows) - at_once + 1, at_once)]
        return self._timed(self._every_output, cycle(parts), np.zeros(FLUSHED_BYTES if flushed else 0, np.uint8))

    def _timed(self, names: Sequence[str], runs: Iterable[Rows], flush: NDArray[np.uint8] | None = None) -> Load:
        started = time.perf_counter()
        latencies: list[float] = []
        for rows in runs:
            if flush is not None:
                flush[::_LINE_BYTES] += 1
            began = time.perf_counter()
            self._session.run(names, {"block_groups": rows})
            latencies.append(time.perf_counter() - began)
            if time.perf_counter() - started >= self._seconds:
                break
        latencies.sort()
        return Load(
            calls=len(latencies),
            seconds=time.perf_counter() - started,
            p50_seconds=percentile(latencies, 50),
            p95_seconds=percentile(latencies, 95),
            p99_seconds=percentile(latencies, 99),
            failures={},
        )


def own_usage() -> Usage:
    """Return the processor time of this process; its memory is not the graph's, and left out."""
    return Usage(cpu_seconds=time.process_time(), rss_bytes=0)
