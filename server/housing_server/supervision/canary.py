"""The canary from the supervisor's side: follows the registry, and withdraws a canary that fails.

A withdrawn canary is not tried again until the registry names another version or share. The registry is asked to record
the end, for other servers and the next start; where it does not, this one still answers without the canary. One that
becomes the champion ends in the registry as well: after a rollback it would answer its share again. Both ends go into
the audit trail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import structlog

from housing_server.errors import ModelNotAllowed, ModelRejected, StartError
from housing_server.model_store.files import read_description
from housing_server.model_store.lookup import WantedCanary
from housing_server.model_store.trials import TrialReport

WithdrawalCause = Literal["refused", "failed", "worker"]
"""Why a canary was withdrawn: it could not be loaded, it failed at a call, or a worker that held it ended."""

_LONGEST_REASON = 300


class CanaryRegistry(Protocol):
    """The canary in the registry; see `CanarySource`."""

    async def look_up(self) -> WantedCanary | None:
        """Return the canary; None without one."""

    async def find(self) -> Path:
        """Return its folder, fetching it unless it is in the cache."""

    async def end(self, version: str, reason: str) -> None:
        """Set its share to 0 in the registry, with the reason."""


class CanaryWorker(Protocol):
    """A worker; see `WorkerProcess`."""

    async def set_canary(self, folder: Path, share: float) -> str | None:
        """Let a model answer a share of the calls; return the reason of a refusal, None without one."""

    def drop_canary(self) -> None:
        """Let no canary answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCanary:
    """A canary that answers calls."""

    folder: Path
    """The fetched model."""
    version: str
    """Its version."""
    share: float
    """Its share of the calls, from 0 to 1."""


class CanaryObserver(Protocol):
    """Shows the canary in the state of the service."""

    canary: ActiveCanary | None
    """The canary; None without one."""

    def withdrawn(self, cause: WithdrawalCause) -> None:
        """Count a canary that was withdrawn."""


RecordEnd = Callable[[str, float, str], None]
"""Puts the end of a canary into the audit trail: its version, its share until then, and the reason."""


class CanaryKeeper:
    """Keeps the workers' canary that of the registry."""

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        registry: CanaryRegistry,
        workers: Sequence[CanaryWorker],
        attempt: Callable[[Path, Path], Awaitable[TrialReport]],
        *,
        observer: CanaryObserver,
        record_end: RecordEnd,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Start without a canary.

        Args:
            registry: the canary in the registry.
            workers: the workers.
            attempt: runs the trial of a fetched model beside the served one, given both folders; raises ModelRejected
                when it must not be served.
            observer: shows the canary.
            record_end: puts the end of a canary into the audit trail.
            log: logs changes.
        """
        self._registry = registry
        self._workers = workers
        self._attempt = attempt
        self._observer = observer
        self._record_end = record_end
        self._log = log
        self._settled: WantedCanary | None = None
        self._promoted: WantedCanary | None = None
        self._outage = False
        self._ending: set[asyncio.Task[None]] = set()

    async def check(self, serving: Path) -> None:
        """Follow the registry once.

        Args:
            serving: folder of the served model, which is no canary beside itself.
        """
        try:
            wanted = await self._registry.look_up()
        except StartError as error:
            if not self._outage:
                self._log.warning("the canary cannot be looked up; it stays as it is", reason=str(error))
            self._outage = True
            return
        self._outage = False
        if wanted is not None and wanted.name == serving.name:
            self._end_promoted(wanted)
            wanted = None
        if wanted == self._settled:
            return
        self._settled = wanted
        if wanted is None or self._share(wanted) == 0:
            self._drop()
        else:
            await self._set(wanted, serving)

    def failed(self, folder: str, cause: WithdrawalCause, reason: str) -> None:
        """Withdraw the canary, unless it is another one by now."""
        active = self._observer.canary
        if active is not None and str(active.folder) == folder:
            self._withdraw(active.version, active.share, cause, reason)

    async def _set(self, wanted: WantedCanary, serving: Path) -> None:
        version, share, active = wanted.name.partition("-")[0], self._share(wanted), self._observer.canary
        try:
            folder = await self._registry.find()
            if active is None or active.folder != folder:
                await self._attempt(folder, serving)
        except (ModelRejected, ModelNotAllowed) as error:
            self._withdraw(version, share, "refused", str(error))
            return
        except (StartError, OSError) as error:
            self._settled = None  # not the model's fault as far as is known
            self._log.error("the canary cannot be fetched", model_version=version, reason=str(error))
            return
        await self._spread(ActiveCanary(folder=folder, version=read_description(folder).version, share=share))

    async def _spread(self, canary: ActiveCanary) -> None:
        """Let the workers load the canary, one after the other, since loading occupies a processor."""
        self._observer.canary = canary
        for worker in self._workers:
            refusal = await worker.set_canary(canary.folder, canary.share)
            if self._observer.canary is not canary:  # it has failed at a call meanwhile
                return
            if refusal is not None:
                self._withdraw(canary.version, canary.share, "refused", refusal)
                return
        self._log.info("canary", model_version=canary.version, share=canary.share)

    def _share(self, wanted: WantedCanary) -> float:
        try:
            share = float(wanted.share or 0)
        except ValueError:
            share = -1.0
        if 0 <= share <= 1:
            return share
        self._log.error("the canary's share is no number from 0 to 1; there is no canary", share=wanted.share)
        return 0.0

    def _drop(self) -> None:
        if self._observer.canary is None:
            return
        self._log.info("canary ended", model_version=self._observer.canary.version)
        self._observer.canary = None
        for worker in self._workers:
            worker.drop_canary()

    def _end_promoted(self, wanted: WantedCanary) -> None:
        """End a canary that has become the champion, once: the registry may not accept it."""
        if wanted == self._promoted:
            return
        self._promoted = wanted
        if share := self._share(wanted):
            self._end(wanted.name.partition("-")[0], share, "promoted: it is the champion")

    def _withdraw(self, version: str, share: float, cause: WithdrawalCause, reason: str) -> None:
        self._observer.canary = None
        for worker in self._workers:
            worker.drop_canary()
        self._observer.withdrawn(cause)
        self._log.error("canary withdrawn", model_version=version, cause=cause, reason=reason)
        self._end(version, share, " ".join(f"{cause}: {reason}".split())[:_LONGEST_REASON])

    def _end(self, version: str, share: float, reason: str) -> None:
        self._record_end(version, share, reason)
        task = asyncio.create_task(self._end_in_registry(version, reason))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_in_registry(self, version: str, reason: str) -> None:
        try:
            await self._registry.end(version, reason)
        except StartError as error:
            self._log.error(
                "the registry does not record that the canary has ended; set its share to 0 there",
                model_version=version,
                reason=str(error),
            )
