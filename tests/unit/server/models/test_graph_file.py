"""What a graph's file may name: standard operators, and files in its own folder."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf import json_format
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from housing.v1.model_service_pb2 import Model as ModelDescription
from housing_server.errors import ModelNotAllowed, ModelRejected
from housing_server.models import trial
from housing_server.models.graph_file import check_graph_file
from housing_server.models.loading import load_model
from registries import income_graph


def saved(folder: Path, graph: onnx.ModelProto) -> Path:
    """Write a graph."""
    path = folder / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return path


def tensor_outside(location: str) -> onnx.TensorProto:
    """A tensor whose values are in another file."""
    tensor = numpy_helper.from_array(np.zeros(4), "outside")
    set_external_data(tensor, location, length=32)
    tensor.ClearField("raw_data")
    return tensor


def test_usual_graph_passes(tmp_path: Path) -> None:
    """And so does one with its weights in a file beside it."""
    graph = income_graph()
    check_graph_file(saved(tmp_path, graph))
    graph.graph.initializer.append(tensor_outside("weights.bin"))
    (tmp_path / "weights.bin").write_bytes(bytes(32))
    check_graph_file(saved(tmp_path, graph))


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "folder/../../secret", "link", "nothing", "."])
def test_graph_that_reads_another_file_is_refused(tmp_path: Path, location: str) -> None:
    """Wherever it is, and by whatever way."""
    (folder := tmp_path / "model").mkdir()
    (folder / "folder").mkdir()
    (tmp_path / "secret").write_bytes(bytes(32))
    (folder / "link").symlink_to(tmp_path / "secret")
    graph = income_graph()
    graph.graph.initializer.append(tensor_outside(location))
    with pytest.raises(ModelRejected, match="not a file in its folder"):
        check_graph_file(saved(folder, graph))


def test_file_that_is_named_deep_within_a_graph_is_found(tmp_path: Path) -> None:
    """In a branch, in a node's own tensor, in a function."""
    constant = helper.make_node("Constant", [], ["c"])
    constant.attribute.append(helper.make_attribute("value", tensor_outside("../secret")))
    inner = helper.make_graph([constant], "inner", [], [helper.make_tensor_value_info("c", TensorProto.DOUBLE, [4])])
    nested, function = income_graph(), income_graph()
    nested.graph.node.append(helper.make_node("If", ["condition"], ["result"]))
    nested.graph.node[-1].attribute.append(helper.make_attribute("then_branch", inner))
    made = helper.make_function("ai.onnx", "F", [], ["c"], [constant], [helper.make_opsetid("", 21)])
    function.functions.append(made)
    for graph in (nested, function):
        with pytest.raises(ModelRejected, match="not a file in its folder"):
            check_graph_file(saved(tmp_path, graph))


def test_operator_that_is_not_standard_is_refused(tmp_path: Path) -> None:
    """Such as those of extensions that run Python."""
    graph = income_graph()
    graph.graph.node.append(helper.make_node("PyOp", ["block_groups"], ["more"], domain="ai.onnx.contrib"))
    with pytest.raises(ModelRejected, match=r"PyOp of 'ai\.onnx\.contrib'"):
        check_graph_file(saved(tmp_path, graph))


@pytest.mark.parametrize("content", [b"not a graph", b"\x80\x04\x95"])
def test_other_file_is_no_graph(tmp_path: Path, content: bytes) -> None:
    """Nor is one that is missing."""
    path = tmp_path / "model.onnx"
    with pytest.raises(ModelRejected, match="not a graph"):
        check_graph_file(path)
    path.write_bytes(content)
    with pytest.raises(ModelRejected, match="not a graph"):
        check_graph_file(path)


def test_pyfunc_model_is_not_loaded_unless_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by a worker nor in a trial: its folder, which MLflow could make nothing of, is not even looked into."""
    description = ModelDescription(name="test", version="1", runtime="pyfunc")
    (tmp_path / "model.json").write_text(json_format.MessageToJson(description), "utf-8")
    with pytest.raises(ModelNotAllowed, match="HOUSING_ALLOW_PYFUNC=1"):
        load_model(tmp_path)
    assert trial.main(str(tmp_path), str(tmp_path), "0", "graphs") == 1
    assert "HOUSING_ALLOW_PYFUNC=1" in capsys.readouterr().err
