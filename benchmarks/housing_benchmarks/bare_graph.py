"""The graph without a server: the lower bound of a batch's cost."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from housing_benchmarks.load import Load, percentile
from housing_benchmarks.processes import Usage
from housing_benchmarks.reference.bare_onnx import load_graph


def graph_load(graph: Path, seconds: float) -> Callable[[NDArray[np.float64]], Load]:
    """Return a function that runs a graph on given rows for `seconds`, on one thread of this process."""
    session = load_graph(graph)

    def run(rows: NDArray[np.float64]) -> Load:
        started = time.perf_counter()
        latencies: list[float] = []
        while time.perf_counter() - started < seconds:
            began = time.perf_counter()
            session.run(["median_house_value"], {"block_groups": rows})
            latencies.append(time.perf_counter() - began)
        return Load(
            calls=len(latencies),
            seconds=time.perf_counter() - started,
            p50_seconds=percentile(sorted(latencies), 50),
            p99_seconds=percentile(sorted(latencies), 99),
            failures={},
        )

    return run


def own_usage() -> Usage:
    """Return the processor time of this process; its memory is not the graph's, and left out."""
    return Usage(cpu_seconds=time.process_time(), rss_bytes=0)
