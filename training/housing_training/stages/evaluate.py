"""Measure the graphs on the rows held out."""

import click
import pandas as pd

from housing_training import artifacts
from housing_training.evaluation import compare, render
from housing_training.parity import GraphModel


def run() -> None:
    """Write `COMPARISON` and `PLOTS` from `MODELS` and `TEST`."""
    test, trained = pd.read_parquet(artifacts.TEST), artifacts.read_json(artifacts.TRAINING_REPORT)
    models = {name: GraphModel((artifacts.MODELS / f"{name}.onnx").read_bytes()) for name in trained}
    comparison = compare(models, test, trained)
    artifacts.write_json(comparison, artifacts.COMPARISON)
    click.echo(render(comparison))
    artifacts.PLOTS.mkdir(parents=True, exist_ok=True)
