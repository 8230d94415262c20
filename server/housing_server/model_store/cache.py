"""The cache of fetched models: lets a service start fast, and start at all while the registry is down.

`models/NAME/VERSION-RUN` in the state folder holds the files of one version. Beside them, `accepted.json` records the
version served last for each model URI.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from housing_server.errors import ModelRejected
from housing_server.model_store.checksums import is_whole
from housing_server.model_store.files import read_description
from housing_server.model_store.uri import ModelUri

KEPT_VERSIONS = 3
"""How many versions to keep besides those served last, so that a rollback needs no download."""

FETCHING = "fetching-"
"""Prefix of folders that are being downloaded into."""

_ACCEPTED_FILE = "accepted.json"
_VERSION = re.compile(r"\d+-\w+")
_STALE_SECONDS = 3600.0
"""A download folder older than this was left behind by a process that was killed."""


class ModelCache:
    """The fetched versions of one registered model."""

    def __init__(self, state_dir: Path, model: ModelUri) -> None:
        self._folder = cache_folder(state_dir, model.name)
        self._model = model

    def find(self, version: str) -> Path | None:
        """Return the folder of a version, by its name; None when it has to be fetched (again).

        That is the case when it was never fetched, when its files have been damaged since, and when it was fetched
        under another alias, which its description names.
        """
        folder = self._folder / version
        try:
            usable = is_whole(folder) and read_description(folder).alias == self._model.alias
        except ModelRejected:
            return None
        return folder if usable else None

    def accepted(self) -> Path | None:
        """Return the folder of the version served last for the model's URI; None without a usable one."""
        version = self._read_accepted().get(str(self._model))
        return self.find(version) if version else None

    def accept(self, folder: Path) -> None:
        """Record that a version is served, and remove versions that are no longer needed.

        Raises:
            OSError: it cannot be recorded.
        """
        accepted = self._read_accepted() | {str(self._model): folder.name}
        if accepted != self._read_accepted():
            scratch = self._folder / f"{_ACCEPTED_FILE}.new"
            scratch.write_text(json.dumps(accepted, indent=1), encoding="utf-8")
            scratch.replace(self._folder / _ACCEPTED_FILE)
        for each in self._dispensable(set(accepted.values())):
            shutil.rmtree(each, ignore_errors=True)

    def _read_accepted(self) -> dict[str, str]:
        try:
            found = json.loads((self._folder / _ACCEPTED_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _dispensable(self, accepted: set[str]) -> Iterator[Path]:
        """Yield the versions to remove, and abandoned downloads."""
        folders = sorted((each for each in self._folder.iterdir() if each.is_dir()), key=_modified, reverse=True)
        others = [each for each in folders if _VERSION.fullmatch(each.name) and each.name not in accepted]
        yield from others[KEPT_VERSIONS:]
        for each in folders:
            if each.name.startswith(FETCHING) and time.time() - _modified(each) > _STALE_SECONDS:
                yield each


def cache_folder(state_dir: Path, name: str) -> Path:
    """Return the folder of a registered model's fetched versions."""
    return (state_dir / "models" / name).absolute()


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another service has removed it
        return 0.0
