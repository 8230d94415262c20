"""Fetching the files of the served model again when somebody has deleted them.

Workers that run have loaded the model and need no files, but the next worker that starts does.
"""

import asyncio
from pathlib import Path
from typing import Protocol

import structlog

from housing_server.errors import StartError
from housing_server.model_store.checksums import is_complete

_CHECK_SECONDS = 5.0
_RETRY_SECONDS = 60.0


class FileSource(Protocol):
    """A registered model whose files can be fetched again; see `ModelSource`."""

    async def restore(self, folder: Path) -> None:
        """Fetch the files of a version into its folder again."""


class ModelRestorer:
    """Watches the folder of the model that is served."""

    def __init__(self, source: FileSource, log: structlog.typing.FilteringBoundLogger) -> None:
        self._source = source
        self._log = log
        self.served: Path | None = None
        """Folder of the model that is served; None while there is none."""

    async def keep(self) -> None:
        """Look every few seconds, and restore what is gone, until cancelled."""
        while True:
            restored = await self.restore()
            await asyncio.sleep(_CHECK_SECONDS if restored else _RETRY_SECONDS)

    async def restore(self) -> bool:
        """Fetch the files again if some are gone; return whether all are there then. What goes wrong is logged."""
        folder = self.served
        if folder is None or await asyncio.to_thread(is_complete, folder):
            return True
        self._log.error("files of the served model were deleted; they are fetched again", folder=str(folder))
        try:
            await self._source.restore(folder)
        except StartError as error:
            self._log.error("the served model cannot be fetched again; a worker that ends is missed", reason=str(error))
            return False
        self._log.info("the served model was fetched again", folder=str(folder))
        return True
