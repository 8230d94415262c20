"""The recorder: a process that drains the workers' journals into the store, and answers queries of the log.

Started by the supervisor through `housing_server.processes.launch`, with its end of the control socket as argument.
When the supervisor dies, the recorder waits until the workers have exited too, drains what they left, and exits.
"""

import asyncio
import fcntl
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import structlog
from prometheus_client import CollectorRegistry

from housing_server.control.channel import ControlChannel
from housing_server.control.messages import ConfigureRecorder, Drain, RecordCanaryEnd, ReportLog
from housing_server.core.calls import Calls
from housing_server.core.endpoints import UnaryEndpoint
from housing_server.errors import PredictionLogUnavailable, QueryTooSlow
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.server import local_server
from housing_server.model_store.fetching import registry_uri, tracking_uri
from housing_server.model_store.uri import ModelUri
from housing_server.model_versions.endpoints import version_endpoints
from housing_server.model_versions.registry import open_registry
from housing_server.observability.call_metrics import CallMetrics
from housing_server.observability.log_metrics import count_dropped_lines
from housing_server.observability.logs import LineBuffer, configure_logging
from housing_server.observability.metrics_files import count_as
from housing_server.observability.recorder_metrics import RecorderMetrics
from housing_server.prediction_log.canary_ends import CanaryEnds
from housing_server.prediction_log.drainer import Drainer
from housing_server.prediction_log.endpoints import log_endpoints
from housing_server.prediction_log.journal import PRIVATE_FILE, PRIVATE_FOLDER
from housing_server.prediction_log.retraining_endpoints import retraining_endpoints
from housing_server.prediction_log.store import PredictionStore
from housing_server.processes.helper_calls import helper_calls
from housing_server.system.memory import VERY_RARE, collect_garbage_rarely

_DRAIN_SECONDS = 0.5
"""Interval of draining: each transaction costs milliseconds, however few answers it writes. Calls that read the log
drain first, so that they see every answer."""
_NICENESS = 5
"""How far its priority is below the workers': callers wait for them, while answers are safe in the journals."""
_IDLE_SECONDS = 0.1
_REPORT_SECONDS = 0.5
_PROBE_SECONDS = 5.0
_PATIENCE_SECONDS = 3.0
"""How long a store may take to respond before it counts as down; most responses take milliseconds."""
_DOWN_SECONDS = 1.0
_KEEPING_SECONDS = 60.0
_LAST_WORDS_SECONDS = 60.0
"""How long a recorder without a supervisor waits for the workers to finish their calls."""


class Recorder:
    """Drains journals, prunes the store, and reports."""

    def __init__(
        self,
        config: ConfigureRecorder,
        control: ControlChannel,
        log: structlog.typing.FilteringBoundLogger,
        calls: Calls,
    ) -> None:
        self._config = config
        self._control = control
        self._log = log
        self._calls = calls
        self._metrics = RecorderMetrics(CollectorRegistry())
        self._folder = Path(config.journal_folder)
        open_store = partial(PredictionStore.open, config.prediction_log_url)
        self._drainer = Drainer(self._folder, open_store, self._metrics, log, time.perf_counter)
        self.store = PredictionStore.open(config.prediction_log_url, bring_up_to_date=False)
        """The store, for everything but draining."""
        # A thread of its own: draining must not wait for one while others wait for the store.
        self._drain_thread = ThreadPoolExecutor(1, thread_name_prefix="drain")
        self._draining: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._problem: str | None = None
        self._written = 0.0

    async def run(self) -> None:
        """Drain, prune and answer calls until cancelled."""
        await self._lock_journals()
        handlers = Handlers(self._calls)
        for endpoints in self._endpoints():
            handlers.mount(endpoints, self._calls)
        server = local_server(handlers, _Freshen(self.freshen))
        server.add_insecure_port(self._config.address)
        await server.start()
        try:
            await asyncio.gather(self._keep_draining(), self._keep_reporting(), self._keep_in_bounds())
        finally:
            await server.stop(None)

    def _endpoints(self) -> Iterator[tuple[UnaryEndpoint[Any, Any], ...]]:
        """Yield the endpoints of each of its services."""
        store, model, state_dir = self.store, ModelUri.parse(self._config.model_uri), Path(self._config.state_dir)
        registry = partial(open_registry, registry_uri(state_dir), tracking_uri(state_dir), os.environ)
        yield log_endpoints(store, self._metrics, hangs=lambda: self.hangs)
        yield retraining_endpoints(store, model.name, hangs=lambda: self.hangs)
        yield version_endpoints(model, registry, store, hangs=lambda: self.hangs)

    async def freshen(self) -> None:
        """Drain all answers given so far, if the store responds soon."""
        started = False
        while not started:  # a drain in progress may have started before the last answers were written
            started = self._draining is None or self._draining.done()
            if self._draining is None or self._draining.done():
                self._draining = asyncio.create_task(self._drain_once())
            await asyncio.wait([self._draining], timeout=0 if self.hangs else _PATIENCE_SECONDS)
            if not self._draining.done():
                return  # the store may be readable nevertheless

    @property
    def hangs(self) -> bool:
        """Whether the store has not responded for a while; a thread is then blocked that cannot be stopped."""
        return self._drainer.unanswered_seconds() > _PATIENCE_SECONDS

    async def finish(self, patience_seconds: float) -> None:
        """Drain what is left once all writers have ended; give up when the store is down."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            await self.freshen()
            if self._problem or self.hangs or not self._drainer.has_journals():
                return
            await asyncio.sleep(_IDLE_SECONDS)

    async def _keep_draining(self) -> None:
        while True:
            await self.freshen()
            await asyncio.sleep(_DOWN_SECONDS if self._problem else _DRAIN_SECONDS)

    async def _keep_reporting(self) -> None:
        """Report independently of draining, which would never end on a store that hangs."""
        while True:
            self._report()
            await asyncio.sleep(_REPORT_SECONDS)

    async def _lock_journals(self) -> None:
        """Wait until no other recorder uses the journals: one that lost its supervisor may still be running."""
        while not await asyncio.to_thread(self._try_lock):
            if self._problem:
                self._report()
            await asyncio.sleep(_IDLE_SECONDS)

    def _try_lock(self) -> bool:
        """Lock the folder of the journals, creating it when missing."""
        try:
            self._folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            self._failed(f"the journals cannot be read: {error.strerror}: {self._folder}")
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        return True  # held until the process ends

    async def _drain_once(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._drain_thread, self._drain)
        except PredictionLogUnavailable as error:
            self._failed(error.reason)
        else:
            if self._problem:
                self._log.info("the prediction log's store is writable again")
            self._problem = ""
            self._ready.set()

    def _drain(self) -> None:
        self._drainer.drain()
        if self._problem != "" or time.monotonic() - self._written > _PROBE_SECONDS:
            self._drainer.probe()
            self._written = time.monotonic()

    def _failed(self, reason: str) -> None:
        if not self._problem:
            self._log.error("the prediction log's store is not writable; answers wait in the journals", reason=reason)
        self._problem = reason

    def _report(self) -> None:
        if self.hangs and not self._problem:
            self._failed("the store does not respond")
        if self._problem is None:
            return  # the state is unknown before the first attempt
        backlog, up = self._drainer.backlog(), not self._problem
        self._metrics.measured(up=up, backlog=backlog)
        self._control.send(
            ReportLog(
                store_up=up,
                backlog_rows=backlog.rows,
                backlog_bytes=backlog.size_bytes,
                problem=self._problem,
            )
        )

    async def _keep_in_bounds(self) -> None:
        await self._ready.wait()
        while True:
            try:
                await asyncio.to_thread(self._keep_once)
            except (PredictionLogUnavailable, QueryTooSlow) as error:
                self._log.warning("pruning the prediction log failed", reason=error.cause)
            await asyncio.sleep(_KEEPING_SECONDS)

    def _keep_once(self) -> None:
        pruned = self.store.prune(keep_days=self._config.keep_days, keep_rows=self._config.keep_rows)
        self._metrics.sized(self.store.size())
        if pruned:
            self._log.info("old predictions pruned", rows=pruned)


class _Freshen(grpc.aio.ServerInterceptor):
    """Drains the journals before the log is read."""

    def __init__(self, freshen: Callable[[], Awaitable[None]]) -> None:
        self._freshen = freshen

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Drain, and continue."""
        await self._freshen()
        return await continuation(handler_call_details)


async def record(control_end: socket.socket) -> None:
    """Run the recorder under the supervisor's control, until the supervisor stops it or exits."""
    control = await ControlChannel.open(control_end)
    config = await control.receive()
    if not isinstance(config, ConfigureRecorder):
        return
    collect_garbage_rarely(VERY_RARE)
    os.nice(_NICENESS)
    count_as("recorder")
    lines = LineBuffer(sys.stdout.buffer, "recorder")
    count_dropped_lines(lines, "recorder", CollectorRegistry())
    log = configure_logging("recorder", lines)
    calls = helper_calls("recorder", CallMetrics(CollectorRegistry()), lines, log, config)
    recorder = Recorder(config, control, log, calls)
    running = asyncio.create_task(recorder.run())
    ends = CanaryEnds(recorder.store, ModelUri.parse(config.model_uri).name, log)
    drained = await _until_stopped(control, running, ends)
    running.cancel()
    await asyncio.wait([running])
    await recorder.finish(_IDLE_SECONDS if drained else _LAST_WORDS_SECONDS)
    if recorder.hangs:
        os._exit(0)  # pending answers are safe in the journals


async def _until_stopped(control: ControlChannel, running: "asyncio.Task[None]", ends: CanaryEnds) -> bool:
    """Record ends of canaries until the supervisor asks to stop; return False if it has exited."""
    while True:
        listening = asyncio.ensure_future(control.receive())
        await asyncio.wait([listening, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()  # it ends only with an exception
        message = await listening
        if not isinstance(message, RecordCanaryEnd):
            return isinstance(message, Drain)
        ends.record(message.version, message.share, message.reason)


if __name__ == "__main__":
    asyncio.run(record(socket.socket(fileno=int(sys.argv[1]))))
