"""Registered models, fetched, tried and loaded with the server's own code."""

import asyncio
from pathlib import Path

import numpy as np

from housing_retraining.comparison.compare import Answers
from housing_retraining.comparison.gates import Gate, parity
from housing_retraining.comparison.holdout import Holdout
from housing_retraining.errors import NotComparable
from housing_server.core.model import PriceModel
from housing_server.errors import ModelRejected, StartError
from housing_server.model_store import mlflow_fetch
from housing_server.model_store.trials import try_model
from housing_server.models.loading import load_model
from housing_training.files import artifacts
from housing_training.graph.model import GraphModel


def fetch(name: str, version: str, folder: Path) -> Path:
    """Fetch a version of a registered model into a folder, and return where its files are.

    Raises:
        NotComparable: it is not available.
    """
    try:
        return mlflow_fetch.fetch(f"models:/{name}/{version}", folder)  # MLflow is imported already
    except StartError as error:
        raise NotComparable(f"version {version} cannot be fetched: {error}") from error


def trial(candidate: Path, champion: Path | None, latency_ratio: float) -> Gate:
    """Run the server's trial of a candidate: contract, golden requests, and latency per row."""
    try:
        report = asyncio.run(try_model(candidate, champion or candidate, latency_ratio))
    except ModelRejected as error:
        return Gate(name="trial", passed=False, detail=str(error))
    return Gate(
        name="trial",
        passed=True,
        detail=f"fits the contract, reproduces {report.golden_requests} golden requests, and takes "
        f"{report.row_seconds * 1e3:.2f} ms for a row, {report.latency_ratio:.2g} times as long as the champion",
    )


def load(folder: Path) -> PriceModel:
    """Load a fetched model as the server does.

    Raises:
        NotComparable: it cannot be loaded here; a pyfunc model could run any code.
    """
    try:
        return load_model(folder).predictor
    except ModelRejected as error:
        raise NotComparable(str(error)) from error


def answers(folder: Path, holdout: Holdout) -> Answers:
    """Return a fetched model's predictions for the rows held out.

    Raises:
        NotComparable: it cannot be loaded here; a pyfunc model could run any code.
    """
    model = load(folder)
    estimates = model.estimate(holdout.rows)  # pylint: disable=assignment-from-no-return  # of a Protocol
    return Answers(
        prices=estimates.median_house_value,
        bounds=None if estimates.interval is None else estimates.interval.bounds,
        promised=model.interval_coverage,
    )


def registered_as_made(work: Path, candidate: Answers, holdout: Holdout) -> Gate:
    """Compare the registered graph with the one that the pipeline made in a work directory."""
    best = artifacts.read_json(work / artifacts.COMPARISON)["best"]
    graph = GraphModel((work / artifacts.MODELS / f"{best}.onnx").read_bytes())
    return parity(float(np.max(np.abs(graph.predict(holdout.rows) - candidate.prices))))
