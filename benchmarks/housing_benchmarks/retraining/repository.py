"""A repository to retrain in: the pipeline and the registry of this one, copied, so that nothing here changes."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from housing.sqlite_uris import sqlite_path, sqlite_uri
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.programs import ROOT
from housing_benchmarks.registry import Registry
from housing_retraining.runs.work_directory import make_work_directory

_TABLE = Path("data/raw/california_housing.parquet")
_PARAMS = Path("training/params.yaml")
_SOURCE = "rows.csv"
_QUICK: dict[str, Any] = {"seed": 1, "folds": 2, "candidates": {"xgboost": {"n_estimators": 30, "max_depth": 5}}}
"""A recipe that takes a moment, to see that everything works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A copy that may be changed."""

    root: Path
    """Its root."""
    registry: Registry
    """Its registry: versions that are registered there are not in the original."""


def copy_repository(registry: Registry, root: Path, *, quick: bool) -> Repository:
    """Copy pipeline, table and registry into an empty folder.

    Args:
        registry: the registry of the champion.
        root: the folder.
        quick: whether a small model is trained in the place of the real one.

    Raises:
        BenchmarkError: the table is missing, or the registry is not a SQLite file.
    """
    if not (ROOT / _TABLE).exists():
        raise BenchmarkError(f"{_TABLE} is missing: run `housing train`")
    make_work_directory(ROOT, root, data_sha256="0" * 64, alias="champion")
    params = yaml.safe_load((root / _PARAMS).read_text("utf-8")) | {"fetch": {"source": _SOURCE}}
    if quick:
        params |= {"train": _QUICK}
    (root / _PARAMS).write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")
    pd.read_parquet(ROOT / _TABLE).to_csv(root / _SOURCE, index=False)
    return Repository(root=root, registry=_copy_registry(registry, root / "var"))


def _copy_registry(registry: Registry, state: Path) -> Registry:
    """Copy a registry; models are read where they are, and new ones go into the folder."""
    original = sqlite_path(registry.tracking_uri)
    if original is None:
        raise BenchmarkError(f"{registry.tracking_uri} is not a SQLite file, which can be copied")
    state.mkdir()
    copy = state / "mlflow.db"
    with closing(sqlite3.connect(original)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        with target:
            target.execute(
                "UPDATE experiments SET artifact_location = ?", ((state / "mlartifacts").absolute().as_uri(),)
            )
    return Registry(tracking_uri=sqlite_uri(copy), model_uri=registry.model_uri)
