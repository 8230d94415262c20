"""The source of the served model: one registered model, looked up often and fetched rarely."""

import asyncio
import os
from pathlib import Path

from housing_server.errors import ModelNotAllowed, StartError
from housing_server.model_store.cache import ModelCache
from housing_server.model_store.fetching import fetch_model, registry_uri
from housing_server.model_store.files import read_allowed
from housing_server.model_store.lookup import direct_lookup
from housing_server.model_store.uri import ModelUri

_BACKGROUND_NICENESS = 5


class ModelSource:
    """A registered model."""

    def __init__(self, model_uri: str, state_dir: Path, *, allow_pyfunc: bool = False) -> None:
        """Create a source; the registry is not contacted yet.

        Args:
            model_uri: the URI of the model in the registry.
            state_dir: holds the cache of fetched models, and the registry unless another is configured.
            allow_pyfunc: whether models that run code of their own when loaded are allowed.

        Raises:
            ModelNotFound: the URI is malformed.
        """
        self._model = ModelUri.parse(model_uri)
        self._state_dir = state_dir
        self._allow_pyfunc = allow_pyfunc
        self._cache = ModelCache(state_dir, self._model)
        self._look = direct_lookup(registry_uri(state_dir), os.environ)

    @property
    def can_change(self) -> bool:
        """Whether the version may change later; False when the URI names a version."""
        return bool(self._model.alias)

    @property
    def is_cheap(self) -> bool:
        """Whether `look_up` is cheap; otherwise it runs MLflow, which takes seconds of processor time."""
        return self._look is not None

    async def find(self, *, in_background: bool = False) -> Path:
        """Return the folder of the version to serve now, fetching it unless it is in the cache.

        Args:
            in_background: whether to run at lower priority.

        Returns:
            The folder.

        Raises:
            ModelNotAllowed: models of this kind are not allowed.
            StartError: it is not available; the message says what to do.
        """
        return self._allowed(await self._find(in_background))

    async def _find(self, in_background: bool) -> Path:
        if self.is_cheap:
            try:
                version = await self.look_up()
            except StartError:
                if await self.accepted():
                    raise
                # The registry process may succeed; if not, its error message is the most helpful.
                return await self._fetch(in_background)
            if folder := await asyncio.to_thread(self._cache.find, version):
                return folder
        return await self._fetch(in_background)

    async def look_up(self) -> str:
        """Return the version to serve now, as the name of its folder in the cache.

        Raises:
            StartError: the registry is not available, or has no such model.
        """
        if self._look is None:
            return (await self._fetch(in_background=True)).name
        return await asyncio.to_thread(self._look, self._model)

    async def accepted(self) -> Path | None:
        """Return the folder of the version served last; None without a usable one."""
        folder = await asyncio.to_thread(self._cache.accepted)
        try:
            return folder and self._allowed(folder)
        except ModelNotAllowed:
            return None

    async def accept(self, folder: Path) -> None:
        """Record that a version is served, for the next start.

        Raises:
            OSError: it cannot be recorded.
        """
        await asyncio.to_thread(self._cache.accept, folder)

    async def restore(self, folder: Path) -> None:
        """Fetch the deleted files of a version into its folder again.

        Raises:
            StartError: they are not available; the message says what to do.
        """
        uri = self._model
        if await self.look_up() != folder.name:  # the alias has moved since
            uri = ModelUri(name=uri.name, alias="", version=folder.name.partition("-")[0])
        await fetch_model(str(uri), self._state_dir, niceness=_BACKGROUND_NICENESS)

    def _allowed(self, folder: Path) -> Path:
        """Return the folder of a model that may be loaded; only its description is read.

        Raises:
            ModelNotAllowed: it may not.
        """
        read_allowed(folder, allow_pyfunc=self._allow_pyfunc)
        return folder

    async def _fetch(self, in_background: bool) -> Path:
        return await fetch_model(
            str(self._model), self._state_dir, niceness=_BACKGROUND_NICENESS if in_background else 0
        )
