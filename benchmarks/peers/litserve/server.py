"""LitServe and a scikit-learn Pipeline. `python server.py PORT WORKERS MODEL`."""

import sys
from typing import Any

import joblib
import litserve  # pylint: disable=import-error  # only in the peer's own environment
import pandas as pd


class HousePrices(litserve.LitAPI):
    """The service."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def setup(self, device: str) -> None:
        """Load the Pipeline, in each worker, whatever the device."""
        del device
        self._model = joblib.load(self._path)  # pylint: disable=attribute-defined-outside-init  # LitServe's way

    def predict(self, x: dict[str, Any]) -> float:
        """Predict one block group."""
        return float(self._model.predict(pd.DataFrame([x]))[0])


if __name__ == "__main__":
    port, workers, model = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    # LitServe recommends the fast queue from a hundred requests per second.
    server = litserve.LitServer(
        HousePrices(model), accelerator="cpu", devices=1, workers_per_device=workers, fast_queue=True
    )
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False)
