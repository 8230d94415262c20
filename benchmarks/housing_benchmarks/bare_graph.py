"""The graph alone, without any server: what a batch costs at the very least."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from housing_benchmarks.load import Load, percentile
from housing_benchmarks.processes import Usage
from housing_benchmarks.reference.bare_onnx import load_graph


def graph_load(graph: Path, seconds: float) -> Callable[[NDArray[np.float64]], Load]:
    """Make a function that runs a graph on given rows for so many seconds, on one thread of this process."""
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
    """Tell what this process has used; its memory is not that of the graph, so it is left out."""
    return Usage(cpu_seconds=time.process_time(), rss_bytes=0)
