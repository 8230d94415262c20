"""Where the service's model comes from: one registered model, asked for cheaply and fetched seldom."""

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
        """Prepare to ask for a model.

        Args:
            model_uri: its address in the registry.
            state_dir: holds the cache of fetched models, and the registry when no other is named.
            allow_pyfunc: whether a version may be one that is loaded by running code of its own.

        Raises:
            ModelNotFound: the address is none.
        """
        self._model = ModelUri.parse(model_uri)
        self._state_dir = state_dir
        self._allow_pyfunc = allow_pyfunc
        self._cache = ModelCache(state_dir, self._model)
        self._look = direct_lookup(registry_uri(state_dir), os.environ)

    @property
    def can_change(self) -> bool:
        """Whether another version may be found later; not so when a version is asked for by number."""
        return bool(self._model.alias)

    @property
    def is_cheap(self) -> bool:
        """Whether `look` costs next to nothing; else it takes MLflow, which is seconds of processor time."""
        return self._look is not None

    async def find(self, *, in_background: bool = False) -> Path:
        """Find the version that is to be served now, in the cache if it is there whole, and else by fetching it.

        Args:
            in_background: whether to leave the processor to others.

        Returns:
            Its folder.

        Raises:
            ModelNotAllowed: it is of a kind that may not be loaded.
            StartError: it is not available; the message says what to do.
        """
        return self._allowed(await self._find(in_background))

    async def _find(self, in_background: bool) -> Path:
        if self.is_cheap:
            try:
                version = await self.look()
            except StartError:
                if await self.accepted():
                    raise
                # The registry process may know better; if not, it knows best what to do.
                return await self._fetch(in_background)
            if folder := await asyncio.to_thread(self._cache.find, version):
                return folder
        return await self._fetch(in_background)

    async def look(self) -> str:
        """Return which version is to be served now, by the name that its folder has or will have.

        Raises:
            StartError: the registry cannot be asked, or has no such model.
        """
        if self._look is None:
            return (await self._fetch(in_background=True)).name
        return await asyncio.to_thread(self._look, self._model)

    async def accepted(self) -> Path | None:
        """Find what was served the last time; None when nothing was, or it can be served no more."""
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
        """Fetch the files of a version, which were deleted, into its folder again.

        Raises:
            StartError: they are not available; the message says what to do.
        """
        uri = self._model
        if await self.look() != folder.name:  # the alias has moved since
            uri = ModelUri(name=uri.name, alias="", version=folder.name.partition("-")[0])
        await fetch_model(str(uri), self._state_dir, niceness=_BACKGROUND_NICENESS)

    def _allowed(self, folder: Path) -> Path:
        """Return the folder of a model that may be loaded; nothing but its description is read.

        Raises:
            ModelNotAllowed: it may not.
        """
        read_allowed(folder, allow_pyfunc=self._allow_pyfunc)
        return folder

    async def _fetch(self, in_background: bool) -> Path:
        return await fetch_model(
            str(self._model), self._state_dir, niceness=_BACKGROUND_NICENESS if in_background else 0
        )
