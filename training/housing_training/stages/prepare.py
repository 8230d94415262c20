"""Check the raw table and split it."""

import click
import pandas as pd

from housing_training.data.preparation import prepare
from housing_training.files import artifacts
from housing_training.params.schema import Params


def run() -> None:
    """Write `TRAIN` and `TEST` from `RAW`."""
    train, test = prepare(pd.read_parquet(artifacts.RAW), Params.read(artifacts.PARAMS).prepare)
    artifacts.write_table(train, artifacts.TRAIN)
    artifacts.write_table(test, artifacts.TEST)
    click.echo(f"prepare: {len(train):,} rows to train on, {len(test):,} held out")
