"""Measure the graphs on the rows held out, and profile them."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import click
import pandas as pd
from tqdm import tqdm

from housing.graph import PRICE
from housing.profile import profile_to_json
from housing_training.data.rows import Prices, Rows
from housing_training.data.table import prices_from_frame, rows_from_frame
from housing_training.evaluation.comparison import compare, render
from housing_training.evaluation.expected_errors import expected_errors
from housing_training.evaluation.plots import Measured, draw_all
from housing_training.evaluation.profile import model_profile
from housing_training.files import artifacts
from housing_training.graph.model import GraphModel


def run() -> None:
    """Write `COMPARISON`, `PLOTS` and `PROFILES` from `MODELS`, `TEST` and `TRAIN`."""
    test, training_report = pd.read_parquet(artifacts.TEST), artifacts.read_json(artifacts.TRAINING_REPORT)
    models = {name: GraphModel((artifacts.MODELS / f"{name}.onnx").read_bytes()) for name in training_report}
    comparison = compare(models, test, training_report)
    artifacts.write_json(comparison, artifacts.COMPARISON)
    test_rows, test_prices = rows_from_frame(test), prices_from_frame(test)
    with ThreadPoolExecutor(1) as beside:
        # While a candidate's pictures are drawn, the next ones are measured.
        measured = beside.map(lambda model: Measured.of(model, test_rows, test_prices), models.values())
        for name, each in zip(tqdm(models, desc="evaluate", unit="candidate"), measured, strict=True):
            draw_all(name, each, test_rows, test_prices, artifacts.PLOTS / name)
    _write_profiles(models, test_rows, test_prices)
    click.echo(render(comparison))


def _write_profiles(models: Mapping[str, GraphModel], test_rows: Rows, test_prices: Prices) -> None:
    train_rows = rows_from_frame(pd.read_parquet(artifacts.TRAIN))
    artifacts.PROFILES.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        answer, reasons = model.answer(test_rows), [warning["reason"] for warning in model.warnings]
        profile = model_profile(train_rows, answer[PRICE], expected_errors(answer, test_prices, reasons))
        (artifacts.PROFILES / f"{name}.json").write_text(profile_to_json(profile), encoding="utf-8")
