"""Log the candidates to MLflow and register the best."""

import click
import pandas as pd

from housing.background import FOLDER
from housing_training.data.table import rows_from_frame
from housing_training.evaluation.spatial_figures import figures_of
from housing_training.files import artifacts
from housing_training.files.provenance import file_sha256, git_commit
from housing_training.params.names import flat
from housing_training.params.schema import Params, TrainParams
from housing_training.registry.mlflow_registry import CandidateRecord, Provenance, Registry
from housing_training.registry.tracking import tracking_uri

EXAMPLE_ROWS = 3
"""How many rows the example of a model's input has."""


def run() -> None:
    """Register what is in `MODELS`, and write `REGISTERED`.

    That file names no run or version, so that it is the same wherever the same models are registered.
    """
    params, comparison = Params.read(artifacts.PARAMS), artifacts.read_json(artifacts.COMPARISON)
    data_sha256 = file_sha256(artifacts.TRAIN)
    spatial = _spatial(params.train, data_sha256)
    records = [
        _record(name, metrics | spatial.get(name, {}), params) for name, metrics in comparison["candidates"].items()
    ]
    provenance = Provenance(
        data_sha256=data_sha256,
        git_commit=git_commit(),
        comparison=artifacts.COMPARISON,
        example=rows_from_frame(pd.read_parquet(artifacts.TEST).head(EXAMPLE_ROWS)),
    )
    version = Registry(tracking_uri()).register(records, provenance, params.register_)
    best, name, alias = comparison["best"], params.register_.model_name, params.register_.alias
    artifacts.write_json(
        {"name": name, "alias": alias, "algorithm": best, "graph_sha256": file_sha256(records[0].graph)},
        artifacts.REGISTERED,
    )
    click.echo(f"register: {best} is version {version} of {name}, with the alias {alias}")


def _record(name: str, metrics: dict[str, float], params: Params) -> CandidateRecord:
    return CandidateRecord(
        name=name,
        graph=artifacts.MODELS / f"{name}.onnx",
        golden=artifacts.MODELS / f"{name}.golden.json",
        profile=artifacts.PROFILES / f"{name}.json",
        card=artifacts.CARDS / name,
        explanation=artifacts.MODELS / f"{name}.{FOLDER}",
        hyper_parameters=flat(params.train.candidates[name]),
        metrics=metrics,
        plots=artifacts.PLOTS / name,
    )


def _spatial(params: TrainParams, data_sha256: str) -> dict[str, dict[str, float]]:
    figures = figures_of(artifacts.read_json(artifacts.SPATIAL_EVALUATION), params, data_sha256)
    if not figures:
        click.echo(
            "register: the figures for unseen areas belong to other data or parameters and were left out: "
            "`housing train --evaluate-spatially` computes new ones"
        )
    return figures
