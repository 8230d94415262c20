"""Which version of the model is served: at first, and as the alias moves.

A version that was not served before is tried, and handed to the workers only if it passes. What was served last is
remembered, so that neither a registry that is down nor a bad model keeps a service from starting again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, Protocol

import structlog

from housing_server.errors import ModelNotAllowed, ModelRejected, StartError
from housing_server.model_store.trials import TrialReport

_SLOW_PACE_SECONDS = 60.0
"""The registry process, with its seconds of processor time, is not run more often than this unless somebody asks."""


SwapResult = Literal["accepted", "refused", "failed"]
"""What became of a new version: it is served, it was refused, or it could not be fetched."""


class SwapObserver(Protocol):
    """Counts outcomes."""

    def swapped(self, result: SwapResult) -> None:
        """Count a new version of the model, by outcome."""

    def registry_failed(self) -> None:
        """Count a time that the registry could not be asked."""


class Source(Protocol):
    """A registered model; see `ModelSource`."""

    @property
    def can_change(self) -> bool:
        """Whether another version may be found later."""

    @property
    def is_cheap(self) -> bool:
        """Whether `look` costs next to nothing."""

    async def look(self) -> str:
        """Return the name that the folder of the version to be served has or will have."""

    async def find(self, *, in_background: bool = False) -> Path:
        """Find that version, in the cache or by fetching it; return its folder."""

    async def accepted(self) -> Path | None:
        """Find what was served the last time; None when nothing was."""

    async def accept(self, folder: Path) -> None:
        """Record that a version is served."""


class ModelUpdates:
    """Chooses what to serve, and follows the registered alias for as long as the service runs."""

    def __init__(  # noqa: PLR0913 - what it is made of, wired in one place
        self,
        source: Source,
        attempt: Callable[[Path, Path], Awaitable[TrialReport]],
        adopt: Callable[[Path, Path], Awaitable[TrialReport]],
        *,
        poll_seconds: float,
        observer: SwapObserver,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """Prepare to follow the alias.

        Args:
            source: the registered model.
            attempt: tries a fetched model beside another one, given both their folders; raises ModelRejected when it
                must not be served.
            adopt: does so, and then has all workers serve it; or raises ModelRejected and leaves all as it was.
            poll_seconds: how often to look; 0 for only when asked to.
            observer: counts outcomes.
            log: logs outcomes.
        """
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
        """Choose what to serve at first: what is registered, or else what was served the last time.

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
            self._registry_failed("the registry cannot be asked; serving what was served the last time", error)
            self._settled = accepted.name
            return accepted
        self._settled = wanted.name
        if accepted is None or accepted == wanted:
            return wanted
        return wanted if await self._passes(wanted.name, self._attempt(wanted, accepted)) else accepted

    async def follow(self, serving: Path, look_now: asyncio.Event) -> None:
        """Look at the registry from time to time, and whenever asked to, until cancelled.

        Args:
            serving: folder of the model that is being served.
            look_now: set by whoever wants a look at once.
        """
        self._settled = self._settled or serving.name
        await self._record_serving(serving)
        while self._source.can_change:
            await self._pause(look_now)
            try:
                serving = await self._follow_once(serving)
            except Exception:  # pylint: disable=broad-exception-caught  # the next look may find a way
                self._log.exception("a look at the registry failed; the model goes on serving")

    async def _follow_once(self, serving: Path) -> Path:
        """Look at the registry once; return the folder of what is served then."""
        version = await self._look()
        if version is None or version == self._settled:
            return serving
        return await self._update(version, serving)

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
        """Look up which version is to be served; None while the registry cannot be asked, which is logged once."""
        try:
            version = await self._source.look()
        except StartError as error:
            self._registry_failed("the registry cannot be asked; the model goes on serving", error)
            return None
        if self._outage:
            self._log.info("the registry answers again")
        self._outage = False
        return version

    async def _update(self, version: str, serving: Path) -> Path:
        """Serve a version if it can be fetched and passes its trial; return the folder of what is served then."""
        if version == serving.name:  # back where it was, after a version that was refused
            self._settled = version
            return serving
        try:
            folder = await self._source.find(in_background=True)
        except ModelNotAllowed as error:
            return self._refused_kind(serving, error)
        except StartError as error:
            # Not the model's fault, as far as is known: it will be tried again, but not at every look.
            self._retrying = True
            self._record("failed", self._log.error, version=version, reason=str(error))
            return serving
        self._retrying, self._settled = False, folder.name
        if not await self._passes(folder.name, self._adopt(folder, serving)):
            return serving
        await self._record_serving(folder)
        return folder

    def _refused_kind(self, serving: Path, error: ModelNotAllowed) -> Path:
        """Go on with what is served: a version is of a kind that may not be loaded, and will be so at every look."""
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
            self._log.error("what is served cannot be recorded for the next start", reason=str(error))

    def _registry_failed(self, message: str, error: StartError) -> None:
        """Count a look at the registry that failed; log it if it is the first in a row."""
        self._observer.registry_failed()
        if not self._outage:
            self._log.warning(message, reason=str(error))
        self._outage = True

    def _record(self, result: SwapResult, log: Callable[..., object], **facts: object) -> None:
        self._observer.swapped(result)
        log("model swap", result=result, **facts)
