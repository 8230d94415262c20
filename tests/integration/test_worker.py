"""A worker by itself: what it answers before it has a model, and which models it takes."""

import asyncio
import math
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import onnx
import pandas as pd
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from onnx import TensorProto, helper

from housing.features import FEATURES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_service_pb2 import GetModelRequest
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing_server.control.channel import ControlChannel
from housing_server.control.messages import (
    ConfigureWorker,
    Drain,
    LoadFailed,
    LoadModel,
    Ping,
    Pong,
    Serving,
)
from housing_server.system.ports import reserved_port
from registries import fetched, fitted_pipeline, income_graph, log_pipeline, registry
from running import PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWorker:
    """A worker process that a test steers in the supervisor's place."""

    control: ControlChannel
    """The supervisor's end of the control socket."""
    channel: grpc.aio.Channel
    """A connection to the worker."""


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[RunningWorker]:
    """A worker that listens and waits for a model."""
    ours, theirs = socket.socketpair()
    with theirs, reserved_port("127.0.0.1", 0, "", "") as port:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "housing_server.processes.worker", str(theirs.fileno())),
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        )
        theirs.close()
        control = await ControlChannel.open(ours)
        control.send(configuration(port))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield RunningWorker(control=control, channel=channel)
        control.send(Drain())
        assert await process.wait() == 0
        control.close()


def configuration(port: int) -> ConfigureWorker:
    """How the worker serves: without a model, and gone as soon as it is told."""
    return ConfigureWorker(
        name="worker-0",
        host="127.0.0.1",
        port=port,
        model_folder=None,
        drain_seconds=0,
        grace_seconds=0.1,
        max_connection_age_seconds=60,
        max_concurrent_streams=100,
        max_rows_in_flight=10_000,
        max_queue_seconds=1,
        max_run_seconds=0.5,
        prediction_log_mode="off",
        prediction_log_url="",
        journal_folder="",
        recorder="",
        explainer="",
        allow_pyfunc=True,
    )


async def health(worker: RunningWorker) -> int:
    """Ask for the overall health, as soon as the worker listens."""
    answer = await HealthStub(worker.channel).Check(HealthCheckRequest(), wait_for_ready=True)  # type: ignore[attr-defined]  # untyped stub
    return int(answer.status)


async def test_without_a_model_it_is_not_serving_and_says_so(worker: RunningWorker, block_group: BlockGroup) -> None:
    """Until a model is loaded health is NOT_SERVING and predictions are UNAVAILABLE."""
    assert await health(worker) == HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await PredictionServiceStub(worker.channel).Predict(PredictRequest(block_group=block_group))
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.aio.AioRpcError) as no_model:
        await ModelServiceStub(worker.channel).GetModel(GetModelRequest())
    assert no_model.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_with_a_model_it_is_serving(worker: RunningWorker, state_dir: Path, block_group: BlockGroup) -> None:
    """Told to load a model, it says when it serves, and answers."""
    folder = fetched(state_dir)
    worker.control.send(LoadModel(folder=str(folder)))
    assert await worker.control.receive() == Serving(model_version="1")
    assert await health(worker) == HealthCheckResponse.SERVING
    answer = await PredictionServiceStub(worker.channel).Predict(PredictRequest(block_group=block_group))
    assert answer.median_house_value == pytest.approx(383_008)


async def test_model_that_cannot_be_loaded_is_refused_with_a_reason(worker: RunningWorker, tmp_path: Path) -> None:
    """A folder without a model leaves the worker not serving, and the supervisor knows why."""
    worker.control.send(LoadModel(folder=str(tmp_path / "nothing")))
    refusal = await worker.control.receive()
    assert isinstance(refusal, LoadFailed)
    assert "model.json" in refusal.reason
    assert await health(worker) == HealthCheckResponse.NOT_SERVING


async def test_bad_model_leaves_the_good_one_serving(
    worker: RunningWorker, state_dir: Path, tmp_path: Path, block_group: BlockGroup
) -> None:
    """A model that is refused does not take the place of the one that is loaded."""
    folder = fetched(state_dir)
    worker.control.send(LoadModel(folder=str(folder)))
    await worker.control.receive()
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "model.json").write_bytes((folder / "model.json").read_bytes())
    (damaged / "model.onnx").write_bytes(income_graph().SerializeToString()[:100])
    worker.control.send(LoadModel(folder=str(damaged)))
    assert isinstance(await worker.control.receive(), LoadFailed)
    answer = await PredictionServiceStub(worker.channel).Predict(PredictRequest(block_group=block_group))
    assert answer.median_house_value == pytest.approx(383_008)


async def test_model_that_never_returns_ends_the_signs_of_life(
    worker: RunningWorker, state_dir: Path, tmp_path: Path, block_group: BlockGroup
) -> None:
    """A batch on a thread hangs for good; the event loop turns, but the supervisor is not answered any more."""
    (tmp_path / "model.json").write_bytes((fetched(state_dir) / "model.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes(graph_without_end().SerializeToString())
    worker.control.send(LoadModel(folder=str(tmp_path)))
    assert await worker.control.receive() == Serving(model_version="1")
    batch = BatchPredictRequest(block_groups=[block_group] * 100)
    hanging = asyncio.ensure_future(PredictionServiceStub(worker.channel).BatchPredict(batch))
    async with asyncio.timeout(PATIENCE):
        while await answers_a_ping(worker):
            assert not hanging.done()
    assert await health(worker) == HealthCheckResponse.SERVING
    hanging.cancel()


async def answers_a_ping(worker: RunningWorker) -> bool:
    """Send a ping, and after it what is answered for certain; return whether the ping was answered."""
    worker.control.send(Ping())
    worker.control.send(LoadModel(folder="nowhere"))
    first = await worker.control.receive()
    if first == Pong():
        assert isinstance(await worker.control.receive(), LoadFailed)
    assert await worker.control.receive() == Serving(model_version="1")
    return first == Pong()


def graph_without_end() -> onnx.ModelProto:
    """A graph that does not return when it is run for a hundred rows."""
    model = income_graph()
    carried = {"i": TensorProto.INT64, "go_on": TensorProto.BOOL, "still": TensorProto.BOOL}
    number, flag, same = (helper.make_tensor_value_info(name, kind, []) for name, kind in carried.items())
    prices = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N"]) for name in ("before", "after")]
    again = [helper.make_node("Identity", ["go_on"], ["still"]), helper.make_node("Identity", ["before"], ["after"])]
    body = helper.make_graph(again, "again", [number, flag, prices[0]], [same, prices[1]])
    model.graph.node[-1].output[0] = "answer"
    model.graph.node.extend(
        [
            helper.make_node("Size", ["answer"], ["size"]),
            helper.make_node("Greater", ["size", "few"], ["many"]),
            helper.make_node("Loop", ["", "many", "answer"], ["median_house_value"], body=body),
        ]
    )
    model.graph.initializer.append(helper.make_tensor("few", TensorProto.INT64, [], [99]))
    return model


async def test_scikit_learn_pipeline_is_served(worker: RunningWorker, tmp_path: Path, block_group: BlockGroup) -> None:
    """A Pipeline registered through mlflow.sklearn answers as it does by itself, fields left out included."""
    pipeline, table = fitted_pipeline()
    state_dir = registry(tmp_path / "state", lambda: log_pipeline(pipeline, table))
    worker.control.send(LoadModel(folder=str(fetched(state_dir))))
    assert await worker.control.receive() == Serving(model_version="1")
    assert (await ModelServiceStub(worker.channel).GetModel(GetModelRequest())).model.runtime == "pyfunc"
    sparse = BlockGroup()
    sparse.CopyFrom(block_group)
    sparse.ClearField("total_bedrooms")
    sparse.ClearField("ocean_proximity")
    answer = await PredictionServiceStub(worker.channel).BatchPredict(
        BatchPredictRequest(block_groups=[block_group, sparse])
    )
    rows = pd.DataFrame([as_record(block_group), as_record(sparse)])
    assert [each.median_house_value for each in answer.predictions] == pytest.approx(pipeline.predict(rows).tolist())


def as_record(block_group: BlockGroup) -> dict[str, object]:
    """A block group as a row of a table; a field left out is missing there."""
    given = {field.name: value for field, value in block_group.ListFields()}
    return {feature.name: given.get(feature.name, None if feature.choices else math.nan) for feature in FEATURES}
