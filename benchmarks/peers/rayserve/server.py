"""Ray Serve and a scikit-learn Pipeline, on one machine. `python server.py PORT WORKERS MODEL`."""

# Ray is only in the peer's own environment, where it gives a deployment its options.
# pylint: disable=import-error,no-member

import signal
import sys
import tempfile

import joblib
import pandas as pd
import ray
from ray import serve
from ray.serve._private import replica
from starlette.requests import Request

_LEAST_STORE_BYTES = 80 << 20
"""The object store, which requests do not use, about as small as Ray allows."""
_NO_ACCESS_LOG = {"enable_access_log": False}


@serve.deployment(logging_config=_NO_ACCESS_LOG)
class HousePrices:
    """The service."""

    def __init__(self, path: str) -> None:
        _stay_on_loopback()
        self._model = joblib.load(path)

    async def __call__(self, request: Request) -> float | str:
        """Predict one block group, or report readiness to a GET."""
        if request.method == "GET":
            return "ready"
        return float(self._model.predict(pd.DataFrame([await request.json()]))[0])


def _stay_on_loopback() -> None:
    """Restrict a replica's gRPC server for other deployments to loopback: Ray has no option for its address."""
    listen = replica.add_port_to_grpc_server
    replica.add_port_to_grpc_server = lambda server, _address: listen(server, "127.0.0.1:0")


def run(port: int, workers: int, model: str, folder: str) -> None:
    """Serve until SIGTERM."""
    ray.init(
        address="local",
        num_cpus=workers,
        include_dashboard=False,
        object_store_memory=_LEAST_STORE_BYTES,
        _temp_dir=folder,
    )
    # Ray's own handler would leave the folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config=_NO_ACCESS_LOG)
        serve.run(HousePrices.options(num_replicas=workers).bind(model), blocking=True)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    # In the system's temporary folder: the names of Ray's sockets must be short.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as name:
        run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], name)
