"""Train the candidates, compile them, and check that each graph answers what its pipeline answers."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import click
import numpy as np
import onnx
import pandas as pd
from tqdm import tqdm

from housing.background import FOLDER
from housing.golden import GoldenRequests
from housing_training.candidates.recipes import Fitted, recipes
from housing_training.data.rows import Prices, Rows
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.files import artifacts
from housing_training.graph.compilation import compile_pipeline
from housing_training.graph.explanation import explanation_files
from housing_training.graph.golden import golden_requests
from housing_training.graph.parity import check_parity
from housing_training.params.schema import Params, TrainParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A candidate that is ready to be evaluated."""

    name: str
    """The candidate's name."""
    model: onnx.ModelProto
    """Its graph, fitted on all training rows."""
    golden: GoldenRequests
    """What servers replay before they serve it."""
    explanation: Mapping[str, bytes]
    """What explanations need beside the graph, by name of file."""
    report: Mapping[str, Any]
    """Cross-validated metrics, and what the parity check found."""


def run() -> None:
    """Write `MODELS` and `TRAINING_REPORT` from `TRAIN`.

    Of `TEST` only the fields are read, never the prices: graphs are checked on all rows.
    """
    params = Params.read(artifacts.PARAMS).train
    train, test = pd.read_parquet(artifacts.TRAIN), pd.read_parquet(artifacts.TEST)
    artifacts.MODELS.mkdir(parents=True, exist_ok=True)
    report = {}
    for trained in train_candidates(rows_from_frame(train), prices_from_frame(train), rows_from_frame(test), params):
        (artifacts.MODELS / f"{trained.name}.onnx").write_bytes(trained.model.SerializeToString(deterministic=True))
        (artifacts.MODELS / f"{trained.name}.golden.json").write_text(trained.golden.to_json(), encoding="utf-8")
        for file, content in trained.explanation.items():
            folder = artifacts.MODELS / f"{trained.name}.{FOLDER}"
            folder.mkdir(exist_ok=True)
            (folder / file).write_bytes(content)
        report[trained.name] = trained.report
    artifacts.write_json(report, artifacts.TRAINING_REPORT)
    click.echo(f"train: {len(report)} candidates, each the same as its graph on all rows")


def train_candidates(train_rows: Rows, train_prices: Prices, test_rows: Rows, params: TrainParams) -> Iterator[Trained]:
    """Train each candidate, with a progress bar; it is compiled and checked while the next one is trained.

    Args:
        train_rows: rows to train on, shape (n, 9).
        train_prices: their prices in USD, shape (n,).
        test_rows: more rows, shape (m, 9), that are not trained on: graphs are checked on them, too.
        params: what to train.

    Raises:
        ParameterError: a candidate or one of its hyper-parameters is unknown.
        ParityError: a graph and its pipeline answer differently.
    """
    candidates = recipes(params)
    steps = sum(each.steps + 2 for each in candidates.values())
    with tqdm(total=steps, desc="train", unit="step") as progress, ThreadPoolExecutor(1) as beside:
        unfinished: Future[Trained] | None = None
        for name, each in candidates.items():
            progress.set_description(name)
            fitted = each.fit(train_rows, train_prices, progress.update)
            if unfinished:
                yield unfinished.result()
            unfinished = beside.submit(_finish, name, fitted, train_rows, test_rows, progress.update)
        if unfinished:
            yield unfinished.result()


def _finish(name: str, fitted: Fitted, train_rows: Rows, test_rows: Rows, advance: Callable[[], object]) -> Trained:
    """Compile a candidate and check its graph."""
    model = compile_pipeline(fitted.pipeline)
    advance()
    parity = check_parity(model, fitted.pipeline, np.concatenate([train_rows, test_rows]))
    advance()
    return Trained(
        name=name,
        model=model,
        golden=golden_requests(fitted.pipeline, test_rows),
        explanation=explanation_files(fitted.pipeline, train_rows),
        report=fitted.cross_validated.named("cv") | {"parity": asdict(parity)},
    )
