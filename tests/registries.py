"""Real MLflow registries with small models in them, for tests of serving that need no training.

Beside a registry lies what the server would have fetched from it, so that most services of tests start without MLflow,
whose import costs more than all the rest of a start. Tests of fetching remove it: `forget_fetched`.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from housing.card import FILE as CARD
from housing.example import BERKELEY
from housing.features import FEATURE_NAMES, FEATURES
from housing.golden import FILE, GoldenRequests
from housing.profile import FILE as PROFILE
from housing.profile import profile_to_json
from housing.rows import message_from_mapping, row_from_message
from housing.v1.model_profile_pb2 import ModelProfile
from housing_server.model_store.cache import cache_folder
from housing_server.model_store.mlflow_fetch import fetch
from running import ROOT
from sharing import made_once

NAME = "california-housing"
EXPERIMENT = "tests"


def registry(state_dir: Path, log_model: Callable[[], object]) -> Path:
    """Make a registry in a state folder whose champion is what `log_model` logs in a run; return the folder."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow  # noqa: PLC0415 - after its settings

    state_dir.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{state_dir}/mlflow.db")
    mlflow.create_experiment(EXPERIMENT, artifact_location=(state_dir / "mlartifacts").as_uri())
    add_version(state_dir, log_model)
    return state_dir


def shared_registry(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a copy, for this process, of a registry that one process of the run has made in a state folder."""
    return copied(made_once(factory, name, make), factory.mktemp(name))


def copied(state_dir: Path, folder: Path) -> Path:
    """Copy a registry, and what is fetched of it, into an empty folder; return that.

    What a service that runs in the state folder has written there is left out.
    """
    shutil.copy(state_dir / "mlflow.db", folder)
    for part in ("mlartifacts", "models"):
        shutil.copytree(state_dir / part, folder / part)
    return folder


def fetched(state_dir: Path, version: str = "*") -> Path:
    """Find the folder in which the server keeps a version, by default the only one."""
    (folder,) = cache_folder(state_dir, NAME).glob(f"{version}-*")
    return folder


def forget_fetched(state_dir: Path, version: str) -> None:
    """Make the server fetch a version from the registry, through MLflow, when it is to serve it."""
    shutil.rmtree(fetched(state_dir, version))


def add_version(state_dir: Path, log_model: Callable[[], object]) -> str:
    """Make what `log_model` logs in a run of its own the champion of a registry; return its version."""
    import mlflow  # noqa: PLC0415

    mlflow.set_tracking_uri(f"sqlite:///{state_dir}/mlflow.db")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    tags = {"algorithm": "test", "data_sha256": "0" * 64}
    with mlflow.start_run(experiment_id=experiment.experiment_id, tags=tags) as run:
        mlflow.log_metric("test_rmse", 50_000)
        log_model()
    (version,) = client.search_model_versions(f"run_id='{run.info.run_id}'")
    point_alias(state_dir, str(version.version))
    fetch_version(state_dir, str(version.version))
    # MLflow hands its setting on to child processes; those of later tests must not find this registry by accident.
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return str(version.version)


def fetch_version(state_dir: Path, version: str) -> None:
    """Fetch a version, as a server would; of those fetched before, the oldest may go for it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setattr(os, "environ", os.environ.copy())
        fetch(f"models:/{NAME}/{version}", state_dir)


def point_alias(state_dir: Path, version: str) -> None:
    """Make a version the champion of a registry."""
    import mlflow  # noqa: PLC0415

    mlflow.MlflowClient(f"sqlite:///{state_dir}/mlflow.db").set_registered_model_alias(NAME, "champion", version)


def make_income_registry(state_dir: Path) -> None:
    """Make a registry whose champion is an `income_graph` with a card."""
    registry(state_dir, lambda: log_graph(income_graph(), card="# Income alone\n"))


def income_graph(features: tuple[str, ...] = FEATURE_NAMES, slope: float = 40_000.0) -> onnx.ModelProto:
    """Make a graph whose price is 50,000 USD and so many more for each unit of income."""
    income = FEATURE_NAMES.index("median_income")
    weights = np.zeros((len(FEATURE_NAMES), 1))
    weights[income] = slope
    graph = helper.make_graph(
        [
            # A missing value times nothing would still be missing.
            helper.make_node("IsNaN", ["block_groups"], ["missing"]),
            helper.make_node("Where", ["missing", "zero", "block_groups"], ["filled"]),
            helper.make_node("MatMul", ["filled", "weights"], ["product"]),
            helper.make_node("Add", ["product", "base"], ["prices"]),
            helper.make_node("Squeeze", ["prices", "column"], ["median_house_value"]),
        ],
        "income",
        [helper.make_tensor_value_info("block_groups", TensorProto.DOUBLE, ["N", len(FEATURE_NAMES)])],
        [helper.make_tensor_value_info("median_house_value", TensorProto.DOUBLE, ["N"])],
        [
            helper.make_tensor("zero", TensorProto.DOUBLE, [], [0.0]),
            helper.make_tensor("weights", TensorProto.DOUBLE, weights.shape, weights.ravel().tolist()),
            helper.make_tensor("base", TensorProto.DOUBLE, [], [50_000.0]),
            helper.make_tensor("column", TensorProto.INT64, [1], [1]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {"features": ",".join(features)})
    return model


def log_graph(
    model: onnx.ModelProto,
    golden: GoldenRequests | None = None,
    profile: ModelProfile | None = None,
    card: str | None = None,
) -> None:
    """Log a graph as a version of the registered model, with golden requests, a profile and a card if there are any."""
    with TemporaryDirectory() as scratch:
        files = [] if golden is None else [str(written(golden, Path(scratch)))]
        if profile is not None:
            file = Path(scratch) / Path(PROFILE).name
            file.write_text(profile_to_json(profile), "utf-8")
            files.append(str(file))
        if card is not None:
            file = Path(scratch) / Path(CARD).name
            file.write_text(card, "utf-8")
            files.append(str(file))
        log_onnx(model, files)


def log_onnx(model: onnx.ModelProto, files: list[str]) -> None:
    """Log a graph as a version of the registered model, with files beside it."""
    import mlflow.onnx  # noqa: PLC0415 - takes seconds, and not every test needs it

    # Nobody installs its requirements; left to itself, MLflow starts a process that finds them out.
    requirements = ["onnx", "onnxruntime"]
    mlflow.onnx.log_model(
        model, name="model", registered_model_name=NAME, extra_files=files, pip_requirements=requirements
    )


def written(golden: GoldenRequests, folder: Path) -> Path:
    """Write golden requests into a folder under the name that servers look for."""
    file = folder / Path(FILE).name
    file.write_text(golden.to_json(), "utf-8")
    return file


def income_golden(slope: float = 40_000.0) -> GoldenRequests:
    """Ten block groups, half of them without the optional fields, as an `income_graph` of this slope prices them."""
    rows = [row_from_message(message_from_mapping({**BERKELEY, "median_income": 1.0 + each})) for each in range(10)]
    for row in rows[5:]:
        row[FEATURE_NAMES.index("total_bedrooms")] = row[FEATURE_NAMES.index("ocean_proximity")] = np.nan
    return GoldenRequests.from_rows(rows, [50_000 + slope * (1.0 + each) for each in range(10)])


def fitted_pipeline(rows: int = 200) -> tuple[Pipeline, pd.DataFrame]:
    """Fit an ordinary scikit-learn Pipeline, of trees, on a made-up table; return both."""
    random = np.random.default_rng(0)
    table = pd.DataFrame({feature.name: _column(feature.choices, rows, random) for feature in FEATURES})
    numbers = [feature.name for feature in FEATURES if not feature.choices]
    steps = ColumnTransformer(
        [
            ("numbers", SimpleImputer(), numbers),
            ("labels", OneHotEncoder(handle_unknown="ignore"), ["ocean_proximity"]),
        ]
    )
    prices = 50_000 + 40_000 * table["median_income"]
    return make_pipeline(steps, HistGradientBoostingRegressor(max_iter=20)).fit(table, prices), table


def _column(choices: tuple[str, ...], rows: int, random: np.random.Generator) -> NDArray[np.float64] | NDArray[np.str_]:
    return random.choice(choices, rows) if choices else random.uniform(1, 10, rows)


def log_pipeline(pipeline: Pipeline, table: pd.DataFrame) -> None:
    """Log a scikit-learn Pipeline as a version of the registered model, by running the recipe of docs/models.md."""
    recipes = re.findall(r"```python\n(.*?)```", (ROOT / "docs/models.md").read_text("utf-8"), re.DOTALL)
    (recipe,) = (code for code in recipes if "log_model" in code)
    exec(recipe, {"pipeline": pipeline, "table": table})  # noqa: S102
