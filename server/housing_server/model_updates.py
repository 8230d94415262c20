"""New versions of the model: noticed in the registry, fetched, tried, and only then handed to the workers."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import structlog

from housing_server.errors import ModelRejected, StartError
from housing_server.service_state import ServiceState
from housing_server.trial import TrialReport

_SLOW_PACE_SECONDS = 60.0
"""The registry process, with its seconds of processor time, is not run more often than this unless somebody asks."""


class Source(Protocol):
    """A registered model; see `ModelSource`."""

    @property
    def can_change(self) -> bool:
        """Whether another version may be found later."""

    @property
    def is_cheap(self) -> bool:
        """Whether `look` costs next to nothing."""

    async def look(self) -> str:
        """Tell the name that the folder of the version to be served has or will have."""

    async def fetch(self, *, in_background: bool = False) -> Path:
        """Fetch that version; return its folder."""


class ModelUpdates:
    """Follows the registered alias for as long as the service runs."""

    def __init__(
        self,
        source: Source,
        adopt: Callable[[Path, Path], Awaitable[TrialReport]],
        *,
        poll_seconds: float,
        state: ServiceState,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Prepare to follow the alias.

        Args:
            source: the registered model.
            adopt: tries a fetched model beside the one that is served and has all workers serve it, given both their
                folders; or raises ModelRejected and leaves all as it was.
            poll_seconds: how often to look; 0 for only when asked to.
            state: where outcomes are counted.
            log: is told of outcomes.
        """
        self._source = source
        self._adopt = adopt
        self._poll_seconds = poll_seconds
        self._state = state
        self._log = log
        self._outage = False
        self._retrying = False
        self._settled = ""

    async def follow(self, serving: Path, look_now: asyncio.Event) -> None:
        """Look at the registry from time to time, and whenever asked to, until cancelled.

        Args:
            serving: folder of the model that is being served.
            look_now: set by whoever wants a look at once.
        """
        self._settled = serving.name
        while self._source.can_change:
            await self._pause(look_now)
            version = await self._look()
            if version is not None and version != self._settled:
                serving = await self._update(version, serving)

    async def _pause(self, look_now: asyncio.Event) -> None:
        seconds = self._poll_seconds or None
        if seconds and (self._retrying or not self._source.is_cheap):
            seconds = max(seconds, _SLOW_PACE_SECONDS)
        try:
            await asyncio.wait_for(look_now.wait(), seconds)
        except TimeoutError:
            return
        look_now.clear()

    async def _look(self) -> str | None:
        """Tell which version is to be served; None while the registry cannot be asked: that is logged once."""
        try:
            version = await self._source.look()
        except StartError as error:
            self._state.registry_failures += 1
            if not self._outage:
                self._log.warning("the registry cannot be asked; the model goes on serving", reason=str(error))
            self._outage = True
            return None
        if self._outage:
            self._log.info("the registry answers again")
        self._outage = False
        return version

    async def _update(self, version: str, serving: Path) -> Path:
        """Bring a version into service if it can be had and is fit for it; return the folder of what is served then."""
        if version == serving.name:  # back where it was, after a version that was refused
            self._settled = version
            return serving
        try:
            folder = await self._source.fetch(in_background=True)
        except StartError as error:
            # Not the model's fault, as far as is known: it will be tried again, but not at every look.
            self._retrying = True
            self._note("failed", self._log.error, version=version, reason=str(error))
            return serving
        self._retrying, self._settled = False, version
        return folder if await self._accepts(folder, serving) else serving

    async def _accepts(self, folder: Path, serving: Path) -> bool:
        try:
            report = await self._adopt(folder, serving)
        except ModelRejected as error:
            self._note("refused", self._log.error, version=folder.name, reason=str(error))
            return False
        self._note(
            "accepted",
            self._log.info if report.golden_requests else self._log.warning,
            version=folder.name,
            golden_requests=report.golden_requests,
            row_microseconds=round(report.row_seconds * 1e6),
            latency_ratio=round(report.latency_ratio, 2),
        )
        return True

    def _note(self, result: str, log: Callable[..., object], **facts: object) -> None:
        self._state.swaps[result] += 1
        log("model swap", result=result, **facts)
