"""Registers a fetched model, a folder of `var/models`, as the champion, in place of training in quick checks of images.

Runs in the trainer's image with the folder at /model, or at the path that it is given, and reads what the model is from
its model.json.
"""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

MODEL = Path(sys.argv[1] if len(sys.argv) > 1 else "/model")
PATIENCE_SECONDS = 60


def main() -> None:
    """Log the files in a run with the model's tags and metrics, register them, and move the alias."""
    description = json.loads((MODEL / "model.json").read_text("utf-8"))
    tags = {"algorithm": "algorithm", "dataSha256": "data_sha256", "gitCommit": "git_commit"}
    client = mlflow.MlflowClient()
    with mlflow.start_run(tags={name: description.get(key, "") for key, name in tags.items()}) as run:
        mlflow.log_metrics(description.get("metrics", {}))
        mlflow.log_artifacts(str(MODEL), "model")
    name = description["name"]
    with suppress(MlflowException):  # there is one from an earlier run
        client.create_registered_model(name)
    version = client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.get_model_version(name, version.version).status != "READY" and time.monotonic() < deadline:
        time.sleep(0.5)
    client.set_registered_model_alias(name, "champion", version.version)


if __name__ == "__main__":
    main()
