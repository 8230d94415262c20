"""The metrics of the whole service: the workers' combined, and the supervisor's own."""

import resource
from collections.abc import Iterator
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from housing_server.supervision.state import ServiceState


def register_metrics(registry: CollectorRegistry, state: ServiceState, metrics_dir: Path) -> None:
    """Register the metrics of the side port: the sum over the processes' files, and the state of the service."""
    MultiProcessCollector(registry, path=str(metrics_dir))  # type: ignore[no-untyped-call]
    registry.register(ServiceCollector(state))


class ServiceCollector(Collector):
    """Collects the metrics of workers, model, processes and disk at each scrape."""

    def __init__(self, state: ServiceState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Collect the metrics."""
        yield from self._workers()
        yield from self._model()
        yield from self._canary()
        yield from self._resources()

    def _workers(self) -> Iterator[Metric]:
        workers = GaugeMetricFamily("housing_workers", "Worker processes.", labels=["state"])
        workers.add_metric(["configured"], len(self._state.workers))
        workers.add_metric(["serving"], self._state.serving)
        yield workers
        yield CounterMetricFamily(
            "housing_worker_restarts", "Workers restarted after they had ended.", self._state.restarts
        )

        replaced = CounterMetricFamily(
            "housing_process_replacements",
            "Processes replaced because they stopped responding.",
            labels=["process"],
        )
        for name, count in self._state.replaced().items():
            replaced.add_metric([name], count)
        yield replaced

    def _model(self) -> Iterator[Metric]:
        model = self._state.model
        if model is not None:
            labels = {
                "name": model.name,
                "version": model.version,
                "algorithm": model.algorithm,
                "run_id": model.run_id,
            }
            yield InfoMetricFamily("housing_model", "The model being served.", labels)
        swaps = CounterMetricFamily("housing_model_swap", "New versions of the model, by outcome.", labels=["result"])
        for result, count in self._state.swaps.items():
            swaps.add_metric([result], count)
        yield swaps
        yield CounterMetricFamily(
            "housing_registry_failures",
            "Failed lookups of the version to serve.",
            self._state.registry_failures,
        )

    def _canary(self) -> Iterator[Metric]:
        share = GaugeMetricFamily(
            "housing_canary_share_ratio", "Share of the calls that the canary answers.", labels=["model_version"]
        )
        if (canary := self._state.canary) is not None:
            share.add_metric([canary.version], canary.share)
        yield share
        withdrawals = CounterMetricFamily(
            "housing_canary_withdrawals", "Canaries withdrawn by the service, by cause.", labels=["cause"]
        )
        for cause, count in self._state.withdrawals.items():
            withdrawals.add_metric([cause], count)
        yield withdrawals

    def _resources(self) -> Iterator[Metric]:
        cpu = CounterMetricFamily("housing_process_cpu_seconds", "Processor time used.", labels=["process"])
        memory = GaugeMetricFamily("housing_process_resident_memory_bytes", "Resident memory.", labels=["process"])
        files = GaugeMetricFamily("housing_process_open_files", "Open file descriptors.", labels=["process"])
        for process in self._state.process_use():
            files.add_metric([process.name], process.open_files)
            cpu.add_metric([process.name], process.cpu_seconds)
            memory.add_metric([process.name], process.memory_bytes)
        yield from (cpu, memory, files)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)  # which children inherit
        yield GaugeMetricFamily(
            "housing_process_open_files_limit", "Limit of open file descriptors per process.", limit
        )
        yield from _memory()
        used, total = self._state.disk_use()
        yield GaugeMetricFamily("housing_disk_used_bytes", "Used part of the disk that holds the state.", used)
        yield GaugeMetricFamily("housing_disk_total_bytes", "Size of the disk that holds the state.", total)


def _memory() -> Iterator[Metric]:
    memory = psutil.virtual_memory()
    yield GaugeMetricFamily("housing_memory_total_bytes", "Memory of the host.", memory.total)
    yield GaugeMetricFamily("housing_memory_available_bytes", "Memory available to programs.", memory.available)
