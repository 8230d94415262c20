"""Repair of a run's folder after somebody has deleted it, or files in it."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog

from housing_server.supervision.process import SupervisedProcess

_CHECK_SECONDS = 2.0
_RENEWAL_SECONDS = 60.0


class RunFolderKeeper:
    """Restarts processes whose socket or metrics have been deleted: they would run on, unreachable."""

    def __init__(
        self,
        folder: Path,
        workers: Sequence[SupervisedProcess],
        helpers: Sequence[SupervisedProcess],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Prepare to watch.

        Args:
            folder: the folder of this run.
            workers: processes with metrics in it; they are restarted one after the other, so that predictions go on.
            helpers: processes with metrics and a socket in it.
            log: logs restarts.
        """
        self._folder = folder
        self._workers = workers
        self._helpers = helpers
        self._log = log

    async def keep_repaired(self) -> None:
        """Check every few seconds, and repair, until cancelled."""
        while True:
            await self.repair()
            await asyncio.sleep(_CHECK_SECONDS)

    async def repair(self) -> None:
        """Create the folder again if it is missing, and restart the processes whose files are missing.

        Raises:
            OSError: the folder cannot be created.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._renew(each for each in self._helpers if not self._finds(each, f"{each.name}.sock"))
        await self._renew(each for each in self._workers if not self._finds(each, f"*_{each.name}.db"))

    def _finds(self, process: SupervisedProcess, pattern: str) -> bool:
        return not process.serving or any(self._folder.glob(pattern))

    async def _renew(self, processes: Iterable[SupervisedProcess]) -> None:
        for process in processes:
            self._log.error(
                "files of a running process were deleted; restarting it",
                child=process.name,
                folder=str(self._folder),
            )
            ended = process.pid
            process.renew()
            try:
                async with asyncio.timeout(_RENEWAL_SECONDS):
                    while process.pid == ended or not process.serving:  # noqa: ASYNC110 - it ends, starts and serves
                        await asyncio.sleep(_CHECK_SECONDS / 10)
            except TimeoutError:
                self._log.error("a process did not restart in time; it is replaced", child=process.name)
                process.kill()
