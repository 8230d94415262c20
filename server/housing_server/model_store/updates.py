"""The choice of the served version: at the start, and whenever the alias moves.

A new version is tried, and served only if it passes. The version served last is recorded, so that neither an
unavailable registry nor a bad model prevents a restart.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, Protocol

import structlog

from housing_server.errors import ModelNotAllowed, ModelRejected, StartError
from housing_server.model_store.trials import TrialReport

_SLOW_PACE_SECONDS = 60.0
"""Minimum interval between runs of the registry process, which takes seconds of processor time, unless requested."""


SwapResult = Literal["accepted", "refused", "failed"]
"""The outcome for a new version: it is served, was refused, or could not be fetched."""


class SwapObserver(Protocol):
    """Counts outcomes."""

    def swapped(self, result: SwapResult) -> None:
        """Count a new version of the model, by outcome."""

    def registry_failed(self) -> None:
        """Count a failed lookup in the registry."""


class Source(Protocol):
    """A registered model; see `ModelSource`."""

    @property
    def can_change(self) -> bool:
        """Whether the version may change later."""

    @property
    def is_cheap(self) -> bool:
        """Whether `look_up` is cheap."""

    async def look_up(self) -> str:
        """Return the version to serve now, as the name of its folder in the cache."""

    async def find(self, *, in_background: bool = False) -> Path:
        """Return the folder of that version, fetching it unless it is in the cache."""

    async def accepted(self) -> Path | None:
        """Return the folder of the version served last; None without one."""

    async def accept(self, folder: Path) -> None:
        """Record that a version is served."""


async def _nothing(_serving: Path) -> None:
    """Follow nothing."""


class ModelUpdates:
    """Chooses the version to serve, and follows the registered alias while the service runs."""

    def __init__(  # noqa: PLR0913 - a composition of collaborators
        self,
        source: Source,
        attempt: Callable[[Path, Path], Awaitable[TrialReport]],
        adopt: Callable[[Path, Path], Awaitable[TrialReport]],
        *,
        poll_seconds: float,
        observer: SwapObserver,
        beside: Callable[[Path], Awaitable[None]] = _nothing,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Prepare to follow the alias.

        Args:
            source: the registered model.
            attempt: runs the trial of a fetched model beside another one, given both folders; raises ModelRejected when
                it must not be served.
            adopt: runs the trial, and then makes all workers serve the model; or raises ModelRejected and changes
                nothing.
            poll_seconds: interval of the lookups; 0 for lookups on request only.
            observer: counts outcomes.
            beside: called at each check with the folder of the served model: follows what else is in the registry.
            log: logs outcomes.
        """
        self._beside = beside
        self._source = source
        self._attempt = attempt
        self._adopt = adopt
        self._poll_seconds = poll_seconds
        self._observer = observer
        self._log = log
        self._outage = False
        self._retrying = False
        self._settled = ""

    async def first(self) -> Path:
        """Choose the version to serve first: the registered one, or else the one served last.

        Returns:
            Its folder.

        Raises:
            StartError: there is neither; the message says what to do.
        """
        accepted = await self._source.accepted()
        try:
            wanted = await self._source.find()
        except StartError as error:
            if accepted is None:
                raise
            if isinstance(error, ModelNotAllowed):
                return self._refused_kind(accepted, error)
            self._registry_failed("the registry is not available; serving the last accepted version", error)
            self._settled = accepted.name
            return accepted
        self._settled = wanted.name
        if accepted is None or accepted == wanted:
            return wanted
        return wanted if await self._passes(wanted.name, self._attempt(wanted, accepted)) else accepted

    async def follow(self, serving: Path, check_now: asyncio.Event) -> None:
        """Check the registry periodically, and on request, until cancelled.

        Args:
            serving: folder of the served model.
            check_now: requests an immediate check when set.
        """
        self._settled = self._settled or serving.name
        await self._record_serving(serving)
        await self._check_beside(serving)
        while self._source.can_change:
            await self._pause(check_now)
            try:
                serving = await self._follow_once(serving)
            except Exception:  # pylint: disable=broad-exception-caught  # the next check may succeed
                self._log.exception("checking the registry failed; the current model stays in service")
            await self._check_beside(serving)

    async def _check_beside(self, serving: Path) -> None:
        try:
            await self._beside(serving)
        except Exception:  # pylint: disable=broad-exception-caught  # likewise
            self._log.exception("checking the registry failed; the canary stays as it is")

    async def _follow_once(self, serving: Path) -> Path:
        """Check the registry once; return the folder of the model served afterwards."""
        version = await self._look_up()
        if version is None or version == self._settled:
            return serving
        return await self._update(version, serving)

    async def _pause(self, check_now: asyncio.Event) -> None:
        seconds = self._poll_seconds or None
        if seconds and (self._retrying or not self._source.is_cheap):
            seconds = max(seconds, _SLOW_PACE_SECONDS)
        try:
            await asyncio.wait_for(check_now.wait(), seconds)
        except TimeoutError:
            return
        check_now.clear()

    async def _look_up(self) -> str | None:
        """Look up the version to serve; None while the registry is not available, which is logged once."""
        try:
            version = await self._source.look_up()
        except StartError as error:
            self._registry_failed("the registry is not available; the current model stays in service", error)
            return None
        if self._outage:
            self._log.info("the registry is available again")
        self._outage = False
        return version

    async def _update(self, version: str, serving: Path) -> Path:
        """Serve a version if it is available and passes its trial; return the folder of the model served afterwards."""
        if version == serving.name:  # the alias is back after a version that was refused
            self._settled = version
            return serving
        try:
            folder = await self._source.find(in_background=True)
        except ModelNotAllowed as error:
            return self._refused_kind(serving, error)
        except StartError as error:
            # Not the model's fault as far as is known: it is retried, but not at every check.
            self._retrying = True
            self._record("failed", self._log.error, version=version, reason=str(error))
            return serving
        self._retrying, self._settled = False, folder.name
        if not await self._passes(folder.name, self._adopt(folder, serving)):
            return serving
        await self._record_serving(folder)
        return folder

    def _refused_kind(self, serving: Path, error: ModelNotAllowed) -> Path:
        """Refuse a version of a kind that may not be loaded; return the folder of the model that stays in service."""
        self._retrying, self._settled = False, error.folder_name
        self._record("refused", self._log.error, version=error.folder_name, reason=str(error))
        return serving

    async def _passes(self, version: str, trial: Awaitable[TrialReport]) -> bool:
        """Wait for the trial of a version, log and count its outcome, and return whether it passed."""
        try:
            report = await trial
        except ModelRejected as error:
            self._record("refused", self._log.error, version=version, reason=str(error))
            return False
        self._record(
            "accepted",
            self._log.info if report.golden_requests else self._log.warning,
            version=version,
            golden_requests=report.golden_requests,
            row_microseconds=round(report.row_seconds * 1e6),
            latency_ratio=round(report.latency_ratio, 2),
        )
        return True

    async def _record_serving(self, serving: Path) -> None:
        try:
            await self._source.accept(serving)
        except OSError as error:
            self._log.error("the served version cannot be recorded for the next start", reason=str(error))

    def _registry_failed(self, message: str, error: StartError) -> None:
        """Count a failed lookup; log the first in a row."""
        self._observer.registry_failed()
        if not self._outage:
            self._log.warning(message, reason=str(error))
        self._outage = True

    def _record(self, result: SwapResult, log: Callable[..., object], **facts: object) -> None:
        self._observer.swapped(result)
        log("model swap", result=result, **facts)
