"""The served model, and the next one that is prepared beside it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from housing_server.core.model import LoadedModel
from housing_server.core.prediction import PredictionCore


class ModelSlot:
    """Loads models for a core on threads; used on the event loop only."""

    def __init__(self, core: PredictionCore, load: Callable[[Path], LoadedModel]) -> None:
        """Create a slot without a model.

        Args:
            core: predicts with the served model.
            load: loads a fetched model from its folder; raises ModelRejected when it cannot be served.
        """
        self._core = core
        self._load = load
        self._prepared: tuple[str, LoadedModel] | None = None

    async def prepare(self, folder: str) -> None:
        """Load a fetched model beside the served one.

        Raises:
            ModelRejected: it cannot be served.
        """
        self._prepared = folder, await asyncio.to_thread(self._load, Path(folder))

    def discard(self) -> None:
        """Drop the prepared model."""
        self._prepared = None

    async def serve(self, folder: str) -> None:
        """Serve a fetched model from now on; load it first unless it was prepared.

        Raises:
            ModelRejected: it cannot be served; the previous model still is.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] == folder:
            model = prepared[1]
        else:
            model = await asyncio.to_thread(self._load, Path(folder))
        # This assignment is the swap: calls in flight keep the model that they started with.
        self._core.model = model
