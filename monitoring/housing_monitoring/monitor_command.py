"""The command `housing monitor`."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from prometheus_client import CollectorRegistry, make_wsgi_app

from housing.http_server import BoundedServer
from housing.logs import Log, configure_logging
from housing_client import AsyncPredictionClient
from housing_monitoring.errors import MonitoringError, PortInUse
from housing_monitoring.grpc_service import DEADLINES, ONCE, GrpcService
from housing_monitoring.inspection import Inspector
from housing_monitoring.monitor import Monitor
from housing_monitoring.results import ResultsFile
from housing_monitoring.retraining_watch import RetrainingWatch
from housing_monitoring.settings import MonitorSettings, read_settings
from housing_monitoring.window import Window


@click.command()
def monitor() -> None:
    """Monitor a running `housing serve` for drift and errors, with metrics for Prometheus.

    Compares the predictions on record with the model's training data, and their errors with those of training. Settings
    are environment variables, among them HOUSING_GRPC_HOST, HOUSING_GRPC_PORT, HOUSING_MONITOR_PORT and
    HOUSING_MONITOR_SECONDS; the README lists them all. Stops on SIGTERM and Ctrl-C.
    """
    try:
        settings = read_settings()
        settings.check_exposure()
        with suppress(asyncio.CancelledError):
            asyncio.run(_monitor(settings, configure_logging("monitor", settings.log_level)))
    except MonitoringError as error:
        raise click.ClickException(str(error)) from error


async def _monitor(settings: MonitorSettings, log: Log) -> None:
    _cancel_on_signals()
    registry = CollectorRegistry()
    async with AsyncPredictionClient(settings.target, deadlines=DEADLINES, retries=ONCE) as client:
        window = Window(rows=settings.drift_window_rows, seconds=settings.drift_window_seconds)
        inspector = Inspector(GrpcService(client), window, minimum_rows=settings.drift_minimum_rows)
        watching = Monitor(
            inspector.check, ResultsFile(settings.state_dir), log, starting_seconds=settings.monitor_seconds
        )
        watching.register(registry)
        retrainings = RetrainingWatch(client, log)
        retrainings.register(registry)
        with served_metrics(settings, registry) as port:
            log.info("listening", monitor_port=port, target=settings.target)
            # For a service that starts at the same time; if it is not reachable, the first check reports it.
            await client.wait_until_reachable(settings.monitor_seconds)
            async with asyncio.TaskGroup() as watches:
                watches.create_task(watching.watch(settings.monitor_seconds))
                watches.create_task(retrainings.watch(settings.monitor_seconds))


def _cancel_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker: coroutines run in tasks
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


@contextmanager
def served_metrics(settings: MonitorSettings, registry: CollectorRegistry) -> Iterator[int]:
    """Serve the metrics on a thread until the end of the block; yield the port."""
    host, port = settings.monitor_host, settings.monitor_port
    try:
        server = BoundedServer(host, port, make_wsgi_app(registry))
    except OSError as error:
        raise PortInUse(f"port {port} of {host} is not available: set HOUSING_MONITOR_PORT to another") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
