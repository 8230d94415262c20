"""A registry with good and bad versions of a small model, and what a service says when its alias moves."""

import signal
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from housing.features import FEATURE_NAMES
from registries import (
    add_version,
    copied,
    fetch_version,
    income_golden,
    income_graph,
    log_graph,
    point_alias,
    registry,
    shared_registry,
)
from running import Service, http_get

SLOPES = {"1": 40_000.0, "2": 60_000.0}
"""USD for each unit of income, by version of the good models here."""
LYING, FOREIGN = "3", "4"
"""The bad ones: one that belies its golden requests, one for other features."""
FAULTY = "5"
"""A good one with the slope of the second, which has no answer for incomes above `FAULTY_FROM`."""
FAULTY_FROM = 12.0
FOREIGN_FEATURES = (*FEATURE_NAMES[:-1], "distance_to_coast")


def log_good(version: str) -> None:
    """Log a model that answers as its golden requests say."""
    log_graph(income_graph(slope=SLOPES[version]), income_golden(SLOPES[version]))


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two good versions, two bad ones and a faulty one; the first is the champion."""
    return shared_registry(tmp_path_factory, "versions", _make_versions)


def _make_versions(state_dir: Path) -> None:
    registry(state_dir, lambda: log_good("1"))
    add_version(state_dir, lambda: log_good("2"))
    add_version(state_dir, lambda: log_graph(income_graph(slope=40_001.0), income_golden(40_000.0)))
    add_version(state_dir, lambda: log_graph(income_graph(features=FOREIGN_FEATURES)))
    add_version(state_dir, lambda: log_graph(_faulty_graph(), income_golden(SLOPES["2"])))
    for good in SLOPES:  # most tests begin with these, and only a few versions are kept
        fetch_version(state_dir, good)
    point_alias(state_dir, "1")


def _faulty_graph() -> onnx.ModelProto:
    """Make the graph of the second version, with a price that is no number where an income is too high."""
    model = income_graph(slope=SLOPES["2"])
    price = next(node for node in model.graph.node if "median_house_value" in node.output)
    price.output[:] = ["sound"]
    limit = 50_000.0 + SLOPES["2"] * FAULTY_FROM
    model.graph.initializer.append(helper.make_tensor("limit", TensorProto.DOUBLE, [], [limit]))
    model.graph.node.extend(
        [
            helper.make_node("Sub", ["limit", "sound"], ["below"]),
            helper.make_node("Sqrt", ["below"], ["root"]),
            helper.make_node("Sub", ["root", "root"], ["nothing"]),
            helper.make_node("Add", ["sound", "nothing"], ["median_house_value"]),
        ]
    )
    return model


@pytest.fixture
def folder(versions: Path, tmp_path: Path) -> Path:
    """A state folder with a copy of that registry."""
    return copied(versions, tmp_path)


def move_alias(service: Service, folder: Path, version: str, swaps: int = 1) -> dict[str, object]:
    """Make a version the champion and have the service look; return what it says of its so-many-th swap."""
    point_alias(folder, version)
    service.command.send(signal.SIGHUP)
    return service.command.wait_for("model swap", count=swaps)


def counted(service: Service, series: str) -> float:
    """Read a series from the metrics."""
    text = http_get(f"http://127.0.0.1:{service.metrics_port}/metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{series} "))
