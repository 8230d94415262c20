"""The graph without a server."""

from pathlib import Path

import numpy as np
import spox
import spox.opset.ai.onnx.v21 as op

from housing_benchmarks.bare_graph import BareGraph


def test_the_graph_answers_other_rows_each_time(tmp_path: Path) -> None:
    """Until the time is over, and every run is timed, with caches flushed or not."""
    rows = spox.argument(spox.Tensor(np.float64, ("N", 9)))
    price = op.reduce_sum(rows, op.const(np.array([1])), keepdims=0)
    file = tmp_path / "model.onnx"
    file.write_bytes(spox.build({"block_groups": rows}, {"median_house_value": price}).SerializeToString())
    graph = BareGraph(file, 0.02)

    for load in (
        graph.price(np.ones((10, 9))),
        graph.answer(np.ones((10, 9)), 4),
        graph.answer(np.ones((10, 9)), 1, flushed=True),
    ):
        assert load.calls > 0
        assert 0 < load.p50_seconds <= (load.p95_seconds or 0) <= load.p99_seconds <= load.seconds
