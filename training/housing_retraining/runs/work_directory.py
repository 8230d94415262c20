"""The work directory of a retraining: the repository's pipeline with its own data and alias.

The operator's checkout stays unchanged, and a retraining can be inspected and reproduced with `dvc` in its directory:
the locks there name data, code, parameters and models by their hashes.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from housing_retraining.data_versions.version import TABLE
from housing_retraining.errors import NoPipeline
from housing_training.files import artifacts

PIPELINES = (Path("data/dvc.yaml"), Path("training/dvc.yaml"))
"""The stages from the table to the registry, relative to the root of the repository."""
_CONFIG = "[core]\n    analytics = false\n    check_update = false\n    autostage = false\n    no_scm = true\n"


def make_work_directory(root: Path, work: Path, *, data_sha256: str, alias: str) -> None:
    """Copy the pipeline of a repository, to train on the table that the directory contains.

    Args:
        root: the root of the repository.
        work: the directory.
        data_sha256: SHA-256 of the table.
        alias: the alias that the new version gets.

    Raises:
        NoPipeline: there is no pipeline in the repository.
    """
    stages = [stage for pipeline in PIPELINES for stage in _stages(root, pipeline)]
    made = {out for stage in stages for out in _paths(stage, "outs", "metrics", "plots")}
    for source in {path for stage in stages for path in _paths(stage, "deps")} - made:
        _copy(root / source, work / source)
    for pipeline in PIPELINES:
        _copy(root / pipeline, work / pipeline)
    (work / ".dvc").mkdir(exist_ok=True)
    (work / ".dvc/config").write_text(_CONFIG, encoding="utf-8")
    params = yaml.safe_load((root / artifacts.PARAMS).read_text(encoding="utf-8"))
    params["fetch"] = {"source": str(TABLE), "sha256": data_sha256}
    params["register"]["alias"] = alias
    (work / artifacts.PARAMS).write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def remove_old(folder: Path, keep: int) -> None:
    """Remove all work directories except the newest."""
    works = sorted(each for each in folder.iterdir() if each.is_dir()) if folder.exists() else []
    for work in works[: max(0, len(works) - keep)]:
        shutil.rmtree(work, ignore_errors=True)


def _stages(root: Path, pipeline: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load((root / pipeline).read_text(encoding="utf-8"))
    except OSError as error:
        raise NoPipeline(f"there is no {pipeline} here: run this in the root of the repository") from error
    return list(content["stages"].values())


def _paths(stage: Mapping[str, Any], *kinds: str) -> list[Path]:
    """Return the paths in a stage; those with options are mappings with one key."""
    listed = [each for kind in kinds for each in stage.get(kind, [])]
    return [Path(each if isinstance(each, str) else next(iter(each))) for each in listed]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
