"""Restoring of the served model's files after somebody has deleted them.

Running workers have loaded the model and need no files, but the next worker that starts does.
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
    """Watches the folder of the served model."""

    def __init__(self, source: FileSource, log: structlog.typing.FilteringBoundLogger) -> None:
        self._source = source
        self._log = log
        self.served: Path | None = None
        """Folder of the served model; None while there is none."""

    async def keep_restored(self) -> None:
        """Check every few seconds, and restore missing files, until cancelled."""
        while True:
            restored = await self.restore()
            await asyncio.sleep(_CHECK_SECONDS if restored else _RETRY_SECONDS)

    async def restore(self) -> bool:
        """Fetch missing files again; return whether all are present. Errors are logged."""
        folder = self.served
        if folder is None or await asyncio.to_thread(is_complete, folder):
            return True
        self._log.error("files of the served model were deleted; fetching them again", folder=str(folder))
        try:
            await self._source.restore(folder)
        except StartError as error:
            self._log.error("the served model cannot be fetched; workers cannot be restarted", reason=str(error))
            return False
        self._log.info("the served model was fetched again", folder=str(folder))
        return True
