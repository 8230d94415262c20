"""The source of the canary: the version with its alias in the registry, and the share of the calls in its tag."""

import asyncio
import os
from pathlib import Path

from housing_server.errors import ModelNotFound
from housing_server.model_store.fetching import registry_uri
from housing_server.model_store.lookup import CANARY, ENDED_TAG, SHARE_TAG, WantedCanary, direct_canary_lookup
from housing_server.model_store.source import ModelSource
from housing_server.model_store.uri import ModelUri
from housing_server.model_store.version_tags import set_version_tags


class CanarySource:
    """The canary of a registered model."""

    def __init__(self, model_uri: str, state_dir: Path, *, allow_pyfunc: bool = False) -> None:
        """Create a source; the registry is not contacted yet.

        Args:
            model_uri: the URI of the served model.
            state_dir: holds the cache of fetched models, and the registry unless another is configured.
            allow_pyfunc: whether models that run code of their own when loaded are allowed.

        Raises:
            ModelNotFound: the URI is malformed.
        """
        served = ModelUri.parse(model_uri)
        self._model = ModelUri(name=served.name, alias=CANARY, version="")
        self._source = ModelSource(str(self._model), state_dir, allow_pyfunc=allow_pyfunc)
        # Where only MLflow can look, which takes seconds of a processor each time, there are no canaries.
        follows = served.alias not in {"", CANARY}
        self._registry_uri = registry_uri(state_dir)
        self._look = direct_canary_lookup(self._registry_uri, os.environ) if follows else None

    async def look_up(self) -> WantedCanary | None:
        """Return the canary, as the registry has it; None without one.

        Raises:
            StartError: the registry is not available.
        """
        if self._look is None:
            return None
        try:
            return await asyncio.to_thread(self._look, self._model)
        except ModelNotFound:
            return None

    async def find(self) -> Path:
        """Return the folder of the canary, fetching it unless it is in the cache; it is kept there from now on.

        Raises:
            ModelNotAllowed: models of this kind are not allowed.
            StartError: it is not available.
            OSError: the disk is full, for example.
        """
        folder = await self._source.find(in_background=True)
        await self._source.accept(folder)
        return folder

    async def end(self, version: str, reason: str) -> None:
        """Set the share of a version to 0 in the registry, with the reason.

        Raises:
            StartError: the registry is not available, or does not accept it.
        """
        tags = {ENDED_TAG: reason, SHARE_TAG: "0"}
        await asyncio.to_thread(set_version_tags, self._registry_uri, os.environ, self._model.name, version, tags)
