"""What each kind of process must not carry."""

import subprocess
import sys

import pytest

HEAVY = {"mlflow", "pandas", "sklearn", "dvc", "pyarrow", "matplotlib", "onnx", "opentelemetry", "scipy", "xgboost"}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("housing_server.processes.worker", HEAVY | {"pydantic", "envoy", "sqlalchemy", "protovalidate"}),
        (
            "housing_server.processes.embedded",
            HEAVY | {"grpc", "pydantic", "envoy", "sqlalchemy", "protovalidate"},
        ),
        ("housing_server.processes.recorder", HEAVY | {"pydantic", "envoy", "onnxruntime"}),
        ("housing_server.processes.explainer", HEAVY | {"pydantic", "envoy", "sqlalchemy"}),
        ("housing_server.commands.serve", HEAVY | {"envoy", "numpy", "onnxruntime", "sqlalchemy"}),
        ("housing_server.commands.gateway", HEAVY | {"grpc", "numpy", "onnxruntime"}),
    ],
)
def test_process_imports_nothing_heavy(module: str, forbidden: set[str]) -> None:
    """Each kind of process starts with what it needs and no more."""
    script = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert forbidden.isdisjoint(result.stdout.split())
