"""Graphs in ONNX Runtime: what they answer, and which are refused."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf import json_format
from onnx import TensorProto, helper

from housing.features import FEATURE_NAMES
from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.errors import ModelRejected
from housing_server.models.loading import load_model
from housing_server.models.onnx import OnnxModel
from registries import income_graph

ROW = (-120.0, 37.0, 20.0, 100.0, np.nan, 50.0, 20.0, 5.0, np.nan)


def load(folder: Path, graph: onnx.ModelProto) -> OnnxModel:
    """Write a graph and load it as a worker does."""
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return OnnxModel(folder / "model.onnx", ModelDescription(name="test", version="1"))


def labelling_graph() -> onnx.ModelProto:
    """A graph that also tells the label it went by: always the third."""
    graph = income_graph()
    graph.graph.initializer.append(helper.make_tensor("third", TensorProto.INT64, [1], [2]))
    shape = helper.make_node("Shape", ["median_house_value"], ["count"])
    expand = helper.make_node("Expand", ["third", "count"], ["ocean_proximity"])
    graph.graph.node.extend([shape, expand])
    graph.graph.output.append(helper.make_tensor_value_info("ocean_proximity", TensorProto.INT64, ["N"]))
    return graph


def test_graph_answers_one_price_a_row(tmp_path: Path) -> None:
    """Prices come in the order of the rows, as float64."""
    rows = np.array([ROW, ROW])
    rows[1, FEATURE_NAMES.index("median_income")] = 6.0
    estimates = load(tmp_path, income_graph()).estimate(rows)
    assert estimates.median_house_value.tolist() == [250_000.0, 290_000.0]
    assert estimates.median_house_value.dtype == np.float64


@pytest.mark.parametrize("count", [512, 513, 1500])
def test_many_rows_are_answered_in_their_order(tmp_path: Path, count: int) -> None:
    """They are run in parts, which does not show."""
    rows = np.tile(ROW, (count, 1))
    rows[:, FEATURE_NAMES.index("median_income")] = np.arange(count)
    rows[:, -1] = np.arange(count) % 5
    estimates = load(tmp_path, income_graph()).estimate(rows)
    assert estimates.median_house_value.tolist() == [50_000.0 + 40_000.0 * each for each in range(count)]
    assert estimates.ocean_proximity.tolist() == [each % 5 for each in range(count)]


def test_labels_are_those_given_when_the_graph_tells_none(tmp_path: Path) -> None:
    """A label left out is -1 then."""
    rows = np.array([ROW, ROW])
    rows[1, -1] = 4.0
    assert load(tmp_path, income_graph()).estimate(rows).ocean_proximity.tolist() == [-1, 4]


def test_labels_are_the_graphs_own_when_it_tells_them(tmp_path: Path) -> None:
    """What the model derived from the coordinates is what is counted."""
    assert load(tmp_path, labelling_graph()).estimate(np.array([ROW, ROW])).ocean_proximity.tolist() == [2, 2]


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    """What ONNX Runtime cannot read is named by its path."""
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelRejected, match=r"model\.onnx is not a graph"):
        OnnxModel(tmp_path / "model.onnx", ModelDescription())


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("block_groups", "rows", "must read one tensor"),
        ("median_house_value", "price", "no output named median_house_value"),
    ],
)
def test_graph_with_other_names_is_refused(tmp_path: Path, before: str, after: str, message: str) -> None:
    """Input and output must be the contract's."""
    renamed = income_graph().SerializeToString().replace(before.encode(), after.ljust(len(before), "_").encode())
    with pytest.raises(ModelRejected, match=message):
        load(tmp_path, onnx.ModelProto.FromString(renamed))


def test_graph_for_other_features_is_refused(tmp_path: Path) -> None:
    """Columns in another order would be answered wrongly, without an error."""
    swapped = (*FEATURE_NAMES[1::-1], *FEATURE_NAMES[2:])
    with pytest.raises(ModelRejected, match="retrain it"):
        load(tmp_path, income_graph(features=swapped))


def test_graph_that_answers_no_finite_price_is_refused(tmp_path: Path) -> None:
    """A model is run once before it is served, on a row with a field left out."""
    (tmp_path / "model.onnx").write_bytes(income_graph(slope=float("inf")).SerializeToString())
    description = ModelDescription(name="test", version="1", runtime="onnx")
    (tmp_path / "model.json").write_text(json_format.MessageToJson(description), "utf-8")
    with pytest.raises(ModelRejected, match="test version 1 must return one finite price per row"):
        load_model(tmp_path)
