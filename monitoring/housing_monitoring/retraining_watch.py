"""Reads periodically what the service has on record of retrainings."""

import asyncio
from typing import Protocol

from prometheus_client import CollectorRegistry

from housing.logs import Log
from housing_client import HousingError, Model, RetrainingStatus
from housing_monitoring.retraining_gauges import Records, RetrainingCollector


class RecordingService(Protocol):
    """What is read. Methods raise HousingError when the service is not available."""

    async def retraining_status(self) -> RetrainingStatus:
        """Return the state of retrainings."""

    async def model(self) -> Model:
        """Describe the served model."""


class RetrainingWatch:
    """Keeps the metrics of retrainings. A service without records of them, as before a model is loaded, has none."""

    def __init__(self, service: RecordingService, log: Log) -> None:
        self._service, self._log = service, log
        self._collector = RetrainingCollector()
        self._failed = False

    def register(self, registry: CollectorRegistry) -> None:
        """Register the metrics with a registry."""
        registry.register(self._collector)

    async def watch(self, seconds: float) -> None:
        """Read until cancelled, with pauses of `seconds`."""
        while True:
            await self.read()
            await asyncio.sleep(seconds)

    async def read(self) -> None:
        """Read once; a failure is logged the first time, and nothing is exposed until a read succeeds."""
        try:
            status, model = await self._service.retraining_status(), await self._service.model()
        except HousingError as error:
            self._collector.records = None
            if not self._failed:
                self._log.info("retrainings cannot be read", reason=str(error))
            self._failed = True
        else:
            self._collector.records = Records(status=status, model=model)
            self._failed = False
