"""Measure the graphs on the rows held out."""

import click
import pandas as pd
from tqdm import tqdm

from housing_training import artifacts
from housing_training.evaluation import compare, render
from housing_training.graph_model import GraphModel
from housing_training.plots import draw_all
from housing_training.table import prices_from_frame, rows_from_frame


def run() -> None:
    """Write `COMPARISON` and `PLOTS` from `MODELS` and `TEST`."""
    test, trained = pd.read_parquet(artifacts.TEST), artifacts.read_json(artifacts.TRAINING_REPORT)
    models = {name: GraphModel((artifacts.MODELS / f"{name}.onnx").read_bytes()) for name in trained}
    comparison = compare(models, test, trained)
    artifacts.write_json(comparison, artifacts.COMPARISON)
    rows, prices = rows_from_frame(test), prices_from_frame(test)
    for name, model in tqdm(models.items(), desc="evaluate", unit="candidate"):
        draw_all(model, rows, prices, artifacts.PLOTS / name)
    click.echo(render(comparison))
