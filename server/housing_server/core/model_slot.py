"""The model that is served, and the one that is loaded beside it before it takes its place."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from housing_server.core.model import LoadedModel
from housing_server.core.prediction import PredictionCore


class ModelSlot:
    """Loads models for a core, on threads; used on the event loop alone."""

    def __init__(self, core: PredictionCore, load: Callable[[Path], LoadedModel]) -> None:
        """Prepare to load models.

        Args:
            core: answers with what is served.
            load: loads a fetched model from its folder; raises ModelRejected when it cannot be served.
        """
        self._core = core
        self._load = load
        self._prepared: tuple[str, LoadedModel] | None = None

    async def prepare(self, folder: str) -> None:
        """Load a fetched model beside the one that is served.

        Raises:
            ModelRejected: it cannot be served.
        """
        self._prepared = folder, await asyncio.to_thread(self._load, Path(folder))

    def discard(self) -> None:
        """Drop the model that was prepared."""
        self._prepared = None

    async def serve(self, folder: str) -> None:
        """Serve a fetched model from now on: the one that was prepared, or else it is loaded first.

        Raises:
            ModelRejected: it cannot be served; what was served before still is.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] == folder:
            model = prepared[1]
        else:
            model = await asyncio.to_thread(self._load, Path(folder))
        # This assignment is the swap: calls that have begun keep the model that they began with.
        self._core.model = model
