"""The pipeline as DVC runs it, in a working tree of its own, on a small CSV and with quick candidates."""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from housing.card import FILE as CARD
from housing.features import FEATURES
from housing.golden import FILE, GoldenRequests
from housing_training.geography.proximity import CHOICES
from housing_training.graph.model import GraphModel
from running import ROOT, wait_for

QUICK = {"linear_regression": {}, "xgboost": {"n_estimators": 20, "max_depth": 6}}
"""Candidates that take a moment to train."""
FIGURES = {f"{rows}_{figure}" for rows in ("cv", "test") for figure in ("rmse", "mae", "mape", "r2")}
"""Names of the metrics of every run."""


STAGES = ("fetch: ", "prepare: ", "train: ", "evaluate: ", "describe: ", "register: ")
"""How the lines of each stage begin."""

OWN_CSV = "own.csv"
"""What it trains on, in the working tree."""


def well_known_csv() -> pd.DataFrame:
    """Make a table like the well-known CSV: labels, gaps among the bedrooms, and here a column too many."""
    rng = np.random.default_rng(3)
    rooms, households, income = rng.integers(500, 5_000, 600), rng.integers(100, 900, 600), rng.uniform(1, 10, 600)
    table = pd.DataFrame(
        {
            "longitude": rng.uniform(-122, -117, 600).round(2),
            "latitude": rng.uniform(33, 38, 600).round(2),
            "housing_median_age": rng.integers(1, 52, 600),
            "total_rooms": rooms,
            "total_bedrooms": (rooms * 0.2).round(),
            "population": households * 3,
            "households": households,
            "median_income": income.round(4),
            "median_house_value": np.where(income > 5, 400_000, 100_000),  # no linear model draws a step
            "ocean_proximity": [CHOICES[row % 5] for row in range(600)],
            "note": "x",
        }
    )
    return table.assign(total_bedrooms=table["total_bedrooms"].mask(table.index < 60))


class WorkingTree:
    """A copy of what the pipeline needs, outside of any git checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of_the_repository(cls, root: Path) -> "WorkingTree":
        """Copy the pipeline, to train quick candidates on a small CSV."""
        stages = [
            stage
            for folder in ("data", "training", "training/spatial_evaluation")
            for stage in yaml.safe_load((ROOT / folder / "dvc.yaml").read_text("utf-8"))["stages"].values()
        ]
        watched = sorted({path for stage in stages for path in stage["deps"] if path.startswith("protos/")})
        pipelines = [f"{folder}/dvc.yaml" for folder in ("data", "training", "training/spatial_evaluation")]
        for path in (".dvc/config", ".dvcignore", *pipelines, *watched):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, root / path)
        shutil.copytree(
            ROOT / "training/housing_training",
            root / "training/housing_training",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for file in ("params.yaml", "spatial_evaluation/figures.json"):
            shutil.copy(ROOT / "training" / file, root / "training" / file)
        tree = cls(root)
        tree.set_params("train", {"seed": 42, "folds": 2, "candidates": QUICK})
        well_known_csv().to_csv(root / OWN_CSV, index=False)
        tree.set_params("fetch", {"source": OWN_CSV})
        return tree

    def set_params(self, section: str, values: object) -> None:
        """Change a section of the parameters."""
        path = self.root / "training/params.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {section: values}))

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module here."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING")}
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=inherited | {"TQDM_DISABLE": "1"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def train(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `housing train`, successfully."""
        result = self.run("housing_cli", "train", *options, **environment)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def read(self, path: str) -> bytes:
        """Read a file."""
        return (self.root / path).read_bytes()

    @property
    def store(self) -> str:
        """Address of the local MLflow database."""
        return f"sqlite:///{self.root}/var/mlflow.db"


def champion(store: str) -> ModelVersion:
    """Look the champion up."""
    return MlflowClient(store, store).get_model_version_by_alias("california-housing", "champion")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> WorkingTree:
    """A working tree in which `housing train` has run; tests only look at it."""
    tree = WorkingTree.of_the_repository(tmp_path_factory.mktemp("pipeline"))
    tree.train(GIT_COMMIT="0" * 40)
    return tree


@pytest.fixture
def tree(trained: WorkingTree, tmp_path: Path) -> WorkingTree:
    """A copy of it to work in, with nothing registered yet."""
    shutil.copytree(trained.root, tmp_path / "tree", ignore=shutil.ignore_patterns("var"))
    return WorkingTree(tmp_path / "tree")


@pytest.fixture
def registered_elsewhere(tree: WorkingTree, trained: WorkingTree) -> WorkingTree:
    """A copy of which DVC knows that it was registered, somewhere."""
    (tree.root / "var").mkdir()
    shutil.copy(trained.root / "var/registered.json", tree.root / "var")
    return tree


def test_each_candidate_is_a_run_with_all_that_is_known(trained: WorkingTree) -> None:
    """Runs carry algorithm, data hash, commit, parameters, metrics, pictures and the comparison."""
    client = MlflowClient(trained.store)
    experiment = client.get_experiment_by_name("california-housing")
    assert experiment is not None

    runs = {run.data.tags["algorithm"]: run for run in client.search_runs([experiment.experiment_id])}

    assert set(runs) == set(QUICK)
    assert runs["xgboost"].data.params == {"n_estimators": "20", "max_depth": "6"}
    data_hash = hashlib.sha256(trained.read("data/processed/train.parquet")).hexdigest()
    for run in runs.values():
        assert set(run.data.metrics) == FIGURES
        assert run.data.tags["data_sha256"] == data_hash
        assert run.data.tags["git_commit"] == "0" * 40
        files = {file.path for file in client.list_artifacts(run.info.run_id, "plots")}
        assert files == {
            f"plots/{name}.png" for name in ("error_map", "feature_importance", "predicted_vs_true", "residuals")
        }
        assert "comparison.json" in {file.path for file in client.list_artifacts(run.info.run_id)}


def test_the_champion_answers_through_mlflow(trained: WorkingTree) -> None:
    """The best candidate is registered, with signature and example, and prices its own example."""
    version = champion(trained.store)
    mlflow.set_tracking_uri(trained.store)

    model = mlflow.pyfunc.load_model(f"models:/california-housing/{version.version}")

    assert MlflowClient(trained.store).get_run(str(version.run_id)).data.tags["algorithm"] == "xgboost"
    assert model.metadata.signature.inputs.input_names() == ["block_groups"]
    assert model.metadata.signature.outputs.input_names() == ["median_house_value", "ocean_proximity"]
    assert model.input_example is not None
    assert np.isfinite(model.predict(model.input_example)["median_house_value"]).all()


def test_the_champion_answers_its_golden_requests(trained: WorkingTree) -> None:
    """They are kept with the model, in part without the optional fields, and a server accepts what answers them."""
    mlflow.set_tracking_uri(trained.store)
    folder = Path(mlflow.artifacts.download_artifacts("models:/california-housing@champion"))
    graph = GraphModel((folder / "model.onnx").read_bytes())

    golden = GoldenRequests.from_json((folder / FILE).read_text("utf-8"))

    rows = np.array(golden.rows())
    assert np.isnan(rows).any(axis=0).tolist() == [not feature.required for feature in FEATURES]
    assert not np.isnan(rows).any(axis=1).all()
    assert graph.predict(rows) == pytest.approx(golden.prices, abs=1)


def test_the_champions_card_is_registered_with_it(trained: WorkingTree) -> None:
    """It tells what the evaluation measured and links to pictures that are beside it; every candidate has one."""
    mlflow.set_tracking_uri(trained.store)
    folder = Path(mlflow.artifacts.download_artifacts("models:/california-housing@champion"))
    comparison = json.loads(trained.read("training/reports/comparison.json"))

    text = (folder / CARD).read_text("utf-8")

    assert text.encode() == trained.read("training/reports/cards/xgboost/card.md")
    assert text.startswith("# Model card: california-housing, xgboost\n")
    assert f"{comparison['candidates']['xgboost']['test_rmse']:,.0f} USD as root mean square" in text
    links = re.findall(r"\]\((.*?)\)", text)
    assert len(links) == 4
    for link in links:
        assert ((folder / CARD).parent / link).read_bytes().startswith(b"\x89PNG")
    assert (trained.root / "training/reports/cards/linear_regression/card.md").exists()


def test_a_second_run_does_nothing(trained: WorkingTree) -> None:
    """When nothing has changed, DVC runs no stage and MLflow gets no version."""
    lock, version = trained.read("training/dvc.lock"), champion(trained.store).version

    trained.train()
    result = trained.run("dvc", "repro", "training/dvc.yaml")

    assert "Data and pipelines are up to date" in result.stdout
    assert "Running stage" not in result.stdout
    assert trained.read("training/dvc.lock") == lock
    assert champion(trained.store).version == version


def test_forcing_makes_the_same_files_again(tree: WorkingTree, trained: WorkingTree) -> None:
    """Every stage run once more gives the very same files, so the lock does not change."""
    result = tree.train("--force")

    assert [line.split(":")[0] for line in result.stdout.splitlines() if line.startswith(STAGES)] == [
        "fetch",
        "fetch",
        "prepare",
        "train",
        "describe",
        "register",  # says that the figures for unseen areas are of another table
        "register",
    ]
    assert tree.read("training/dvc.lock") == trained.read("training/dvc.lock")


def test_results_travel_through_a_remote(tree: WorkingTree, trained: WorkingTree, tmp_path: Path) -> None:
    """What one tree pushes to a folder another pulls; there, where var/ is missing too, only registering is left."""
    assert tree.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote")).returncode == 0
    assert tree.run("dvc", "push", "data/dvc.yaml", "training/dvc.yaml").returncode == 0
    for made in (".dvc/cache", "data/raw", "data/processed", "training/models", "training/reports"):
        shutil.rmtree(tree.root / made)

    pulled = tree.run("dvc", "pull", "data/dvc.yaml", "training/dvc.yaml")

    assert pulled.returncode == 0, pulled.stderr
    assert tree.read("training/models/xgboost.onnx") == trained.read("training/models/xgboost.onnx")
    told = [line for line in tree.train().stdout.splitlines() if line.startswith((*STAGES, "california-housing@"))]
    told = [line for line in told if "unseen areas" not in line]
    assert told == [
        "fetch: taking the table from own.csv",
        "fetch: 600 rows",
        "register: xgboost is version 1 of california-housing, with the alias champion",
        "california-housing@champion is up to date",
    ]


def test_the_csvs_own_labels_and_gaps_are_kept(trained: WorkingTree) -> None:
    """Nothing is derived where the source says something; a missing count stays missing until the model fills it in."""
    parts = [pd.read_parquet(trained.root / f"data/processed/{part}.parquet") for part in ("train", "test")]
    prepared = pd.concat(parts)

    assert [len(part) for part in parts] == [480, 120]
    assert prepared["total_bedrooms"].isna().sum() == 60
    assert prepared["ocean_proximity"].value_counts().to_dict() == dict.fromkeys(CHOICES, 120)


def test_a_search_without_a_mixture_is_refused(tree: WorkingTree) -> None:
    """The rows are brought up to date first, and then one line says what there is nothing of to search."""
    result = tree.run("housing_cli", "train", "--tune", "--trials", "1")

    assert result.returncode == 1
    assert "prepare" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("Error: train.candidates has no mixture_of_experts")
    assert "Traceback" not in result.stderr
    assert not (tree.root / "var").exists()


def test_a_csv_that_breaks_stops_the_pipeline(tree: WorkingTree) -> None:
    """The same CSV, edited, is read again: rows and reasons are named, and the old models stay."""
    table = pd.read_csv(tree.root / OWN_CSV)
    table.loc[[16, 20], "latitude"] = 99.0
    table.to_csv(tree.root / OWN_CSV, index=False)
    model = tree.read("training/models/xgboost.onnx")

    result = tree.run("housing_cli", "train")

    assert result.returncode == 1
    assert "2 rows break the schema" in result.stderr
    assert "row 17, latitude = 99.0: must be within 32.5 to 42.0" in result.stderr
    assert "row 21, latitude = 99.0: must be within 32.5 to 42.0" in result.stderr
    assert "Traceback" not in result.stderr
    assert tree.read("training/models/xgboost.onnx") == model
    assert not (tree.root / "var").exists()


def test_a_csv_with_a_cell_that_cannot_be_read_is_not_taken(tree: WorkingTree) -> None:
    """Its line and column are named, and the old models stay."""
    table = pd.read_csv(tree.root / OWN_CSV)
    table.loc[20, "median_house_value"] = None
    table.to_csv(tree.root / OWN_CSV, index=False)
    model = tree.read("training/models/xgboost.onnx")

    result = tree.run("housing_cli", "train")

    assert result.returncode == 1
    assert "line 22, median_house_value: is missing" in result.stderr
    assert "Traceback" not in result.stderr
    assert tree.read("training/models/xgboost.onnx") == model


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run a real MLflow server with a database and artifacts of its own; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "files")]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*command, *stores], env=environment, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: _healthy(address) or None, "the MLflow server")
        yield address
    finally:
        server.terminate()
        server.wait()


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health") as response:  # noqa: S310 - the address is our own
            return bool(response.status == 200)
    except OSError:
        return False


def test_a_real_mlflow_server_gets_the_models(registered_elsewhere: WorkingTree, tmp_path: Path) -> None:
    """An MLflow server that has no champion is given one, files included, and then left alone."""
    tree = registered_elsewhere
    with mlflow_server(tmp_path) as address:
        first = tree.train(MLFLOW_TRACKING_URI=address)
        second = tree.train(MLFLOW_TRACKING_URI=address)
        version = champion(address)
        mlflow.set_tracking_uri(address)
        model = mlflow.onnx.load_model(f"models:/california-housing/{version.version}")

    assert "register: xgboost is version 1" in first.stdout
    assert "register: " not in second.stdout
    assert model.SerializeToString() == tree.read("training/models/xgboost.onnx")


def test_a_server_that_is_not_there_is_one_line(registered_elsewhere: WorkingTree) -> None:
    """When MLflow cannot be reached, the error names the address and what to check."""
    nowhere = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}

    result = registered_elsewhere.run("housing_cli", "train", **nowhere)

    assert result.returncode == 1
    assert "Error: MLflow at http://127.0.0.1:1 failed: " in result.stderr
    assert "is MLFLOW_TRACKING_URI right" in result.stderr
    assert "Traceback" not in result.stderr
