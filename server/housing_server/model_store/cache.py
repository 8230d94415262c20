"""Fetched models, kept so that a service starts quickly, and starts at all while the registry is down.

`models/NAME/VERSION-RUN` in the state folder holds the files of one version. Beside them, `accepted.json` says which of
them was served last, by the address under which it was asked for.
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
"""How many versions are kept besides those that were served last; a way back costs no fetch."""

FETCHING = "fetching-"
"""How the name of a folder begins while files are fetched into it."""

_ACCEPTED_FILE = "accepted.json"
_VERSION = re.compile(r"\d+-\w+")
_STALE_SECONDS = 3600.0
"""A folder that has been fetched into for longer was left behind by a process that was killed."""


class ModelCache:
    """The fetched versions of one registered model."""

    def __init__(self, state_dir: Path, model: ModelUri) -> None:
        self._folder = cache_folder(state_dir, model.name)
        self._model = model

    def find(self, version: str) -> Path | None:
        """Find a version by the name of its folder; None when it has to be fetched (again).

        That is so when it was never fetched, when its files were damaged since, and when it was fetched under another
        alias, since its description names that one.
        """
        folder = self._folder / version
        try:
            usable = is_whole(folder) and read_description(folder).alias == self._model.alias
        except ModelRejected:
            return None
        return folder if usable else None

    def accepted(self) -> Path | None:
        """Find what was served last under the model's address; None when nothing was, or it can be served no more."""
        version = self._read_accepted().get(str(self._model))
        return self.find(version) if version else None

    def accept(self, folder: Path) -> None:
        """Note that a version is served, and remove those that nobody is likely to want again.

        Raises:
            OSError: it cannot be written down.
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
        """Find the versions to remove, and what killed processes have left behind."""
        folders = sorted((each for each in self._folder.iterdir() if each.is_dir()), key=_modified, reverse=True)
        others = [each for each in folders if _VERSION.fullmatch(each.name) and each.name not in accepted]
        yield from others[KEPT_VERSIONS:]
        for each in folders:
            if each.name.startswith(FETCHING) and time.time() - _modified(each) > _STALE_SECONDS:
                yield each


def cache_folder(state_dir: Path, name: str) -> Path:
    """Tell where the fetched versions of a registered model are."""
    return (state_dir / "models" / name).absolute()


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another service has removed it
        return 0.0
