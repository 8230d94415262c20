"""Fetch the raw table."""

import click

from housing_training.data.source import fetch
from housing_training.files import artifacts
from housing_training.params.schema import Params


def run() -> None:
    """Write `RAW` from the source that the parameters name."""
    params = Params.read(artifacts.PARAMS).fetch
    click.echo(f"fetch: taking the table from {params.source}")
    table = fetch(params)
    artifacts.write_table(table, artifacts.RAW)
    click.echo(f"fetch: {len(table):,} rows")
