"""The audit trail of canaries that the service itself ends."""

import asyncio

import structlog

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.model_changes import ModelChange, ModelChanges
from housing_server.prediction_log.store import PredictionStore

SERVICE = "service"
"""The author on record of what the service has decided."""
_RETRY_SECONDS = 5.0


class CanaryEnds:
    """Records ends of canaries on a thread, and again while the store does not respond."""

    def __init__(
        self,
        store: PredictionStore,
        model_name: str,
        log: structlog.typing.FilteringBoundLogger,
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        """Record nothing yet.

        Args:
            store: the store of the audit trail.
            model_name: the registered model.
            log: logs a store that does not respond.
            retry_seconds: how long to wait for it.
        """
        self._changes, self._model_name, self._log = ModelChanges(store), model_name, log
        self._retry_seconds = retry_seconds
        self._writing: set[asyncio.Task[None]] = set()

    def record(self, version: str, share: float, reason: str) -> None:
        """Record an end in the background, unless it is on record: a stage or another server may have seen it, too.

        Args:
            version: version of the canary.
            share: its share of the calls until then, from 0 to 1.
            reason: why.
        """
        ended = ModelChange(
            model_name=self._model_name,
            kind="canary_end",
            from_version=version,
            to_version="",
            from_share=share,
            changed_by=SERVICE,
            reason=reason,
        )
        task = asyncio.create_task(self._record(ended))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def written(self) -> None:
        """Wait until everything is on record."""
        await asyncio.gather(*self._writing)

    async def _record(self, ended: ModelChange) -> None:
        while True:
            try:
                await asyncio.to_thread(self._changes.add_canary_end, ended)
            except PredictionLogUnavailable as error:
                self._log.warning("the end of a canary cannot be put on record yet", reason=error.reason)
                await asyncio.sleep(self._retry_seconds)
            else:
                return
