"""The state of the whole service, which only the supervisor knows."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import psutil

from housing.v1.model_service_pb2 import Model
from housing.v1.status_service_pb2 import (
    SERVICE_STATUS_DEGRADED,
    SERVICE_STATUS_NOT_SERVING,
    SERVICE_STATUS_SERVING,
    GetStatusResponse,
    PredictionLogStatus,
    ResourceStatus,
    ServiceStatus,
    WorkerStatus,
)
from housing_server.model_store.updates import SwapResult
from housing_server.supervision.canary import ActiveCanary, WithdrawalCause
from housing_server.supervision.explainer import ExplainerProcess
from housing_server.supervision.process import SupervisedProcess
from housing_server.supervision.recorder import RecorderProcess
from housing_server.supervision.spare import SpareStarter
from housing_server.supervision.worker import WorkerProcess

_WINDOW_SECONDS = 0.9
"""A little less than the interval of reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUse:
    """The resources that one process uses."""

    name: str
    """`supervisor`, `worker-0`, ..."""
    cpu_seconds: float
    """Processor time since its start."""
    memory_bytes: int
    """Resident memory."""
    open_files: int
    """Open file descriptors."""


class CpuWindow:
    """Processor use over windows of about a second; within a window it returns the last figure."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._before = 0.0
        self._cores = 0.0

    def cores(self, cpu_seconds: float) -> float:
        """Return how many processors were in use, given the processor time since the start."""
        now = self._now()
        if now - self._began >= _WINDOW_SECONDS:
            # A process that ended takes its processor time out of the sum: clamp negative use.
            self._cores = max(cpu_seconds - self._before, 0.0) / (now - self._began)
            self._began, self._before = now, cpu_seconds
        return round(self._cores, 3)


class ServiceState:
    """The state of the service; read from the supervisor's event loop and from the side port's threads."""

    def __init__(
        self,
        workers: Sequence[WorkerProcess],
        state_dir: Path,
        recorder: RecorderProcess | None = None,
        explainer: ExplainerProcess | None = None,
        spare: SpareStarter | None = None,
    ) -> None:
        self.model: Model | None = None
        """The model that the workers are to serve."""
        self.swaps: dict[SwapResult, int] = dict.fromkeys(get_args(SwapResult), 0)
        """Number of new versions by outcome."""
        self.registry_failures = 0
        """Number of failed lookups in the registry."""
        self.canary: ActiveCanary | None = None
        """The model that answers a share of the calls; None without one."""
        self.withdrawals: dict[WithdrawalCause, int] = dict.fromkeys(get_args(WithdrawalCause), 0)
        """Number of canaries that were withdrawn, by cause."""
        self.draining = False
        """Whether the service is shutting down."""
        self.workers = tuple(workers)
        """The workers, running or not."""
        self._recorder = recorder
        self._explainer = explainer
        self._spare = spare
        self._state_dir = state_dir
        self._started = time.monotonic()
        self._cpu = CpuWindow()

    @property
    def serving(self) -> int:
        """Number of workers that serve predictions."""
        return sum(worker.serving for worker in self.workers)

    @property
    def restarts(self) -> int:
        """Number of restarts of workers."""
        return sum(worker.restarts for worker in self.workers)

    @property
    def ready(self) -> bool:
        """Whether predictions are served."""
        return not self.draining and any(worker.serving and not worker.recording_problem for worker in self.workers)

    def process_use(self) -> Iterator[ProcessUse]:
        """Measure the running processes."""
        pids = {"supervisor": os.getpid()} | {child.name: child.pid for child in self._children() if child.pid}
        if self._spare is not None and self._spare.pid is not None:
            pids["spare"] = self._spare.pid
        for name, pid in pids.items():
            try:
                process = psutil.Process(pid)
                times, memory, files = process.cpu_times(), process.memory_info(), process.num_fds()
            except (psutil.Error, OSError):  # it ended between being listed and being measured
                continue
            cpu_seconds = times.user + times.system
            yield ProcessUse(name=name, cpu_seconds=cpu_seconds, memory_bytes=memory.rss, open_files=files)

    def swapped(self, result: SwapResult) -> None:
        """Count a new version of the model, by outcome."""
        self.swaps[result] += 1

    def registry_failed(self) -> None:
        """Count a failed lookup in the registry."""
        self.registry_failures += 1

    def withdrawn(self, cause: WithdrawalCause) -> None:
        """Count a canary that was withdrawn."""
        self.withdrawals[cause] += 1

    def replaced(self) -> dict[str, int]:
        """Return how often each process was replaced because it stopped responding, by name."""
        return {child.name: child.replaced for child in self._children()}

    def _children(self) -> Iterator[SupervisedProcess]:
        yield from self.workers
        for helper in (self._recorder, self._explainer):
            if helper is not None:
                yield helper

    def disk_use(self) -> tuple[int, int]:
        """Measure the disk of the state folder, or of its nearest existing parent: bytes used, and size."""
        folder = self._state_dir.absolute()
        existing = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
        usage = psutil.disk_usage(str(existing))
        return usage.used, usage.total

    def report(self) -> GetStatusResponse:
        """Return the state as the response to GetStatus; processor use is that of about the last second."""
        loaded = self.serving > 0 and self.model is not None
        return GetStatusResponse(
            status=self._status(),
            model_loaded=loaded,
            model_name=self.model.name if loaded and self.model else "",
            model_version=self.model.version if loaded and self.model else "",
            uptime_seconds=round(time.monotonic() - self._started, 3),
            workers=WorkerStatus(configured=len(self.workers), serving=self.serving, restarts=self.restarts),
            resources=self._resources(),
            prediction_log=self._prediction_log(),
        )

    def _status(self) -> ServiceStatus.ValueType:
        if not self.ready:
            return SERVICE_STATUS_NOT_SERVING
        log = self._prediction_log()
        well = self.serving == len(self.workers) and (not log.enabled or (log.store_up and not log.problem))
        return SERVICE_STATUS_SERVING if well else SERVICE_STATUS_DEGRADED

    def _prediction_log(self) -> PredictionLogStatus:
        if self._recorder is None:
            return PredictionLogStatus(enabled=False)
        recording = next((worker.recording_problem for worker in self.workers if worker.recording_problem), "")
        if self._recorder.report is None:
            return PredictionLogStatus(enabled=True, problem=recording or "the recorder is not running")
        report = self._recorder.report
        return PredictionLogStatus(
            enabled=True,
            store_up=report.store_up,
            backlog_rows=report.backlog_rows,
            backlog_bytes=report.backlog_bytes,
            problem=recording or report.problem,
        )

    def _resources(self) -> ResourceStatus:
        processes = list(self.process_use())
        disk_used, disk_total = self.disk_use()
        return ResourceStatus(
            cpu_cores_used=self._cpu.cores(sum(process.cpu_seconds for process in processes)),
            cpu_cores=len(os.sched_getaffinity(0)),
            memory_used_bytes=sum(process.memory_bytes for process in processes),
            memory_total_bytes=psutil.virtual_memory().total,
            disk_used_bytes=disk_used,
            disk_total_bytes=disk_total,
        )
