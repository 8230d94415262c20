"""Measure the mixture of experts and its student in areas left out of their training."""

import click
import pandas as pd
from tqdm import tqdm

from housing_training.evaluation.spatial import SpatialEvaluation
from housing_training.evaluation.spatial_figures import fingerprint
from housing_training.files import artifacts
from housing_training.files.provenance import file_sha256
from housing_training.params.schema import Params


def run() -> None:
    """Write `SPATIAL_EVALUATION` from `TRAIN` and `TEST`."""
    params = Params.read(artifacts.PARAMS).train
    evaluation = SpatialEvaluation(params, pd.read_parquet(artifacts.TRAIN), pd.read_parquet(artifacts.TEST))
    with tqdm(total=evaluation.steps, desc="evaluate-spatially", unit="step") as progress:
        figures = evaluation.run(progress.update)
    content = {"of": fingerprint(params, file_sha256(artifacts.TRAIN)), "figures": figures}
    artifacts.write_json(content, artifacts.SPATIAL_EVALUATION)
    for candidate, measured in figures.items():
        for name, value in measured.items():
            click.echo(f"{candidate:20} {name:45} {value:>12,.3f}")
