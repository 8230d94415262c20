"""Train the candidates and compile them."""

import click
import pandas as pd

from housing_training import artifacts
from housing_training.params import Params
from housing_training.table import prices_from_frame, rows_from_frame
from housing_training.training import train


def run() -> None:
    """Write `MODELS` and `TRAINING_REPORT` from `TRAIN`.

    Of `TEST` only the fields are read, never the prices: graphs are checked on all rows.
    """
    params = Params.read(artifacts.PARAMS).train
    table, unseen = pd.read_parquet(artifacts.TRAIN), pd.read_parquet(artifacts.TEST)
    artifacts.MODELS.mkdir(parents=True, exist_ok=True)
    report = {}
    for trained in train(rows_from_frame(table), prices_from_frame(table), rows_from_frame(unseen), params):
        (artifacts.MODELS / f"{trained.name}.onnx").write_bytes(trained.model.SerializeToString(deterministic=True))
        (artifacts.MODELS / f"{trained.name}.golden.json").write_text(trained.golden.to_json(), encoding="utf-8")
        for file, content in trained.explanation.items():
            folder = artifacts.MODELS / f"{trained.name}.{artifacts.EXPLANATION}"
            folder.mkdir(exist_ok=True)
            (folder / file).write_bytes(content)
        report[trained.name] = trained.report
    artifacts.write_json(report, artifacts.TRAINING_REPORT)
    click.echo(f"train: {len(report)} candidates, each the same as its graph on all rows")
