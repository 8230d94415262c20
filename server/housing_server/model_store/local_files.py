"""Files of a registered model in a folder of this machine."""

import shutil
from pathlib import Path

from housing_server.errors import ModelRejected
from housing_server.model_store.registry import RegisteredVersion
from housing_server.model_store.relocation import local_path, moved_artifacts


def copy_local(version: RegisteredVersion, destination: Path, database: Path | None = None) -> Path:
    """Copy a version's files from this machine into a folder, and return that.

    Args:
        version: the version; its location is a path or a file URI.
        destination: the folder.
        database: the file of its registry, together with which they may have moved.

    Raises:
        ModelRejected: they are not there.
    """
    moved = moved_artifacts(version.location, database) if database else None
    source = moved or local_path(version.location)
    try:
        if source is None or not source.is_dir():
            raise FileNotFoundError(f"{version.location} is not a folder")
        shutil.copytree(source, destination, dirs_exist_ok=True)
    except OSError as error:
        raise not_fetched(version, str(error)) from error
    return destination


def not_fetched(version: RegisteredVersion, reason: str) -> ModelRejected:
    """Return the error of a version whose files are not available."""
    return ModelRejected(f"the files of models:/{version.name}/{version.version} cannot be fetched: {reason}")
