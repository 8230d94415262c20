"""What holds for all tests: no library reports its use to its makers."""

import os

os.environ.update(ORT_DISABLE_TELEMETRY="1", MLFLOW_DISABLE_TELEMETRY="true")
