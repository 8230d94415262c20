"""The recorder: one process that takes answers from the workers' journals to the store, and reads them out again.

Started by the supervisor through `housing_server.processes.launch`, with its end of the control socket as argument.
When the supervisor dies, the recorder waits until the workers have too, takes over what they left, and exits.
"""

import asyncio
import fcntl
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import structlog
from prometheus_client import CollectorRegistry

from housing_server.control.messages import ConfigureRecorder, ControlChannel, Drain, ReportLog
from housing_server.errors import PredictionLogUnavailable
from housing_server.grpc_transport.prediction_log import add_log_services
from housing_server.grpc_transport.relayed_calls import relayed_calls
from housing_server.observability.logs import configure_logging
from housing_server.observability.metrics_files import count_as
from housing_server.observability.recorder_metrics import RecorderMetrics
from housing_server.prediction_log.drainer import Drainer
from housing_server.prediction_log.store import PredictionStore

_IDLE_SECONDS = 0.1
"""How often journals are looked at. Calls that read the log look at once, so nobody misses what was answered."""
_PROBE_SECONDS = 5.0
_DOWN_SECONDS = 1.0
_KEEPING_SECONDS = 60.0
_LAST_WORDS_SECONDS = 60.0
"""How long a recorder without a supervisor waits for the workers to finish their calls."""


class Recorder:
    """Drains journals, keeps the store in bounds, and reports."""

    def __init__(
        self, config: ConfigureRecorder, control: ControlChannel, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._config = config
        self._control = control
        self._log = log
        self._metrics = RecorderMetrics(CollectorRegistry())
        self._folder = Path(config.journal_folder)
        open_store = partial(PredictionStore.open, config.prediction_log_url)
        self._drainer = Drainer(self._folder, open_store, self._metrics, log, time.perf_counter)
        self._reading = PredictionStore.open(config.prediction_log_url, bring_up_to_date=False)
        self._draining = asyncio.Lock()
        self._ready = asyncio.Event()
        self._problem: str | None = None
        self._written = 0.0

    async def run(self) -> None:
        """Drain, keep the store in bounds, and answer calls, until cancelled."""
        server = grpc.aio.server(interceptors=[_Freshen(self.freshen)], options=[("grpc.so_reuseport", 0)])
        add_log_services(server, self._reading, relayed_calls(self._log), self._metrics)
        server.add_insecure_port(self._config.address)
        await server.start()
        try:
            await asyncio.gather(self._keep_draining(), self._keep_in_bounds())
        finally:
            await server.stop(None)

    async def freshen(self) -> None:
        """Take over what was answered up to now, if the store lets us."""
        async with self._draining:
            await self._drain_once()

    async def finish(self, patience_seconds: float) -> None:
        """Take over all that is left, once its writers are gone; give up when the store is down."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            await self.freshen()
            if self._problem or not self._drainer.has_journals():
                return
            await asyncio.sleep(_IDLE_SECONDS)

    async def _keep_draining(self) -> None:
        while True:
            await self.freshen()
            self._report()
            await asyncio.sleep(_DOWN_SECONDS if self._problem else _IDLE_SECONDS)

    async def _drain_once(self) -> None:
        try:
            await asyncio.to_thread(self._drain)
        except PredictionLogUnavailable as error:
            if not self._problem:
                self._log.error("the prediction log's store does not take writes; answers wait", reason=error.reason)
            self._problem = error.reason
        else:
            if self._problem:
                self._log.info("the prediction log's store takes writes again")
            self._problem = ""
            self._ready.set()

    def _drain(self) -> None:
        self._drainer.drain()
        if self._problem != "" or time.monotonic() - self._written > _PROBE_SECONDS:
            self._drainer.probe()
            self._written = time.monotonic()

    def _report(self) -> None:
        backlog, up = self._drainer.backlog(), not self._problem
        self._metrics.measured(up=up, backlog=backlog)
        self._control.send(
            ReportLog(
                store_up=up,
                backlog_rows=backlog.rows,
                backlog_bytes=backlog.size_bytes,
                problem=self._problem or "",
            )
        )

    async def _keep_in_bounds(self) -> None:
        await self._ready.wait()
        while True:
            try:
                await asyncio.to_thread(self._keep_once)
            except PredictionLogUnavailable as error:
                self._log.warning("the prediction log was not kept in bounds", reason=error.reason)
            await asyncio.sleep(_KEEPING_SECONDS)

    def _keep_once(self) -> None:
        pruned = self._reading.prune(keep_days=self._config.keep_days, keep_rows=self._config.keep_rows)
        self._metrics.sized(self._reading.size())
        if pruned:
            self._log.info("old predictions forgotten", rows=pruned)


class _Freshen(grpc.aio.ServerInterceptor):
    """Has the log brought up to date before it is read."""

    def __init__(self, freshen: Callable[[], Awaitable[None]]) -> None:
        self._freshen = freshen

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Freshen, and go on."""
        await self._freshen()
        return await continuation(handler_call_details)


async def record(control_end: socket.socket) -> None:
    """Record as the supervisor says, until it says to stop or is gone."""
    control = await ControlChannel.open(control_end)
    config = await control.receive()
    if not isinstance(config, ConfigureRecorder):
        return
    count_as("recorder")
    log = configure_logging("recorder")
    folder = Path(config.journal_folder)
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    # A recorder that lost its supervisor may still be at work on these journals.
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
    recorder = Recorder(config, control, log)
    running = asyncio.create_task(recorder.run())
    told_to_stop = await _until_told_to_stop(control, running)
    running.cancel()
    await asyncio.wait([running])
    await recorder.finish(_IDLE_SECONDS if told_to_stop else _LAST_WORDS_SECONDS)


async def _until_told_to_stop(control: ControlChannel, running: "asyncio.Task[None]") -> bool:
    """Listen to the supervisor; tell whether it said to stop, or is gone."""
    listening = asyncio.ensure_future(control.receive())
    await asyncio.wait([listening, running], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()  # it ends only by failing
    return isinstance(await listening, Drain)


if __name__ == "__main__":
    asyncio.run(record(socket.socket(fileno=int(sys.argv[1]))))
