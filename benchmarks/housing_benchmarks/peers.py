"""The alternatives: each peer's command, and how to call it."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, float | str]
"""A block group, by field name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer.

    In its command and environment `{port}`, `{side_port}` and `{metrics_port}` stand for free ports, `{workers}` for
    the number of workers, and `{home}` for the folder of its Pipeline, `model.joblib`.
    """

    name: str
    """Name in the report."""
    folder: str
    """Its folder in `benchmarks/peers`, with its requirements, and its code if it needs any."""
    command: tuple[str, ...]
    """The program, from its own environment, and its arguments."""
    body: Callable[[Values], Any]
    """Creates the JSON body of a request."""
    environment: Mapping[str, str]
    """Environment variables."""
    ready_path: str
    """Path that responds to GET with success once the peer is ready; on the side port for gRPC peers."""
    http_path: str = ""
    """Path to post JSON to."""
    grpc_method: str = ""
    """Full name of the gRPC method to call instead, from the descriptors in `contract.binpb`."""
    prepare: str = ""
    """Preparation script in its folder, run after its Pipeline has been fitted."""


_MODEL = {"MODEL": "{home}/model.joblib", "WORKERS": "{workers}"}


def _as_it_is(values: Values) -> Any:
    return dict(values)


def _open_inference(values: Values) -> Any:
    """Encode a row for the Open Inference Protocol: one input per column."""
    return {
        "model_name": "california-housing",
        "parameters": {"content_type": {"string_param": "pd"}},
        "inputs": [_input(name, value) for name, value in values.items()],
    }


def _open_inference_json(values: Values) -> Any:
    """Encode the same in the protocol's JSON."""
    types = {name: "BYTES" if isinstance(value, str) else "FP64" for name, value in values.items()}
    inputs = [{"name": name, "datatype": types[name], "shape": [1], "data": [value]} for name, value in values.items()]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def _input(name: str, value: float | str) -> dict[str, Any]:
    if not isinstance(value, str):
        return {"name": name, "datatype": "FP64", "shape": [1, 1], "contents": {"fp64_contents": [value]}}
    # Bytes are base64 in JSON; the parameter turns them into text.
    text = base64.b64encode(value.encode()).decode()
    return {
        "name": name,
        "datatype": "BYTES",
        "shape": [1, 1],
        "contents": {"bytes_contents": [text]},
        "parameters": {"content_type": {"string_param": "str"}},
    }


PEERS = (
    Peer(
        name="Flask",
        folder="flask",
        # Threads, because these keep connections open; the workers provide the parallelism.
        command=(
            *("gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "{workers}"),
            *("--worker-class", "gthread", "--threads", "4", "app:app"),
        ),
        environment=_MODEL,
        ready_path="/ready",
        http_path="/predict",
        body=_as_it_is,
    ),
    Peer(
        name="FastAPI",
        folder="fastapi",
        command=(
            *("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
            *("--no-access-log", "app:app"),
        ),
        environment=_MODEL,
        ready_path="/ready",
        http_path="/predict",
        body=_as_it_is,
    ),
    Peer(
        name="MLflow",
        folder="mlflow",
        prepare="save.py",
        command=(
            *("mlflow", "models", "serve", "--model-uri", "{home}/model", "--env-manager", "local"),
            *("--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
        ),
        environment={"MLFLOW_DISABLE_TELEMETRY": "true"},
        ready_path="/ping",
        http_path="/invocations",
        body=lambda values: {"dataframe_records": [dict(values)]},
    ),
    Peer(
        name="MLServer",
        folder="mlserver",
        prepare="describe.py",
        command=("mlserver", "start", "."),
        environment={
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_GRPC_PORT": "{port}",
            "MLSERVER_HTTP_PORT": "{side_port}",
            "MLSERVER_METRICS_PORT": "{metrics_port}",
            "MLSERVER_METRICS_DIR": "{home}/metrics",
            "MLSERVER_ENVIRONMENTS_DIR": "{home}/environments",
            "MLSERVER_PARALLEL_WORKERS": "{workers}",
            "MLSERVER_MODEL_URI": "{home}/model.joblib",
        },
        ready_path="/v2/models/california-housing/ready",
        grpc_method="inference.GRPCInferenceService/ModelInfer",
        body=_open_inference,
    ),
    Peer(
        name="BentoML",
        folder="bentoml",
        command=("bentoml", "serve", "service:HousePrices", "--host", "127.0.0.1", "--port", "{port}"),
        environment=_MODEL | {"BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": "{home}/bentoml"},
        ready_path="/readyz",
        http_path="/predict",
        body=lambda values: {"block_group": dict(values)},
    ),
    Peer(
        name="KServe",
        folder="kserve",
        # JSON, because its gRPC server runs in one process whatever the number of workers.
        command=(
            *("python", "server.py", "--http_port", "{port}", "--workers", "{workers}", "--enable_grpc", "false"),
            *("--enable_latency_logging", "false", "--log_config_file", "logging.json"),
        ),
        # FastAPI warns about a KServe class at each request.
        environment=_MODEL | {"PYTHONWARNINGS": "ignore"},
        ready_path="/v2/models/california-housing/ready",
        http_path="/v2/models/california-housing/infer",
        body=_open_inference_json,
    ),
    Peer(
        name="Ray Serve",
        folder="rayserve",
        command=("python", "server.py", "{port}", "{workers}", "{home}/model.joblib"),
        environment={
            "RAY_USAGE_STATS_ENABLED": "0",
            # Keeps Ray on the loopback address, where it needs no token in the user's home folder.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_AUTH_MODE": "disabled",
        },
        ready_path="/",
        http_path="/",
        body=_as_it_is,
    ),
    Peer(
        name="LitServe",
        folder="litserve",
        command=("python", "server.py", "{port}", "{workers}", "{home}/model.joblib"),
        environment={},
        ready_path="/health",
        http_path="/predict",
        body=_as_it_is,
    ),
)
"""The peers, in the order of the report."""
