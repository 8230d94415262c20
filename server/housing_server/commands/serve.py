"""The command `housing serve`."""

import asyncio
import os

import click

from housing.transports import choose_transport
from housing_server.errors import StartError
from housing_server.model_store.canary_source import CanarySource
from housing_server.model_store.source import ModelSource
from housing_server.observability.logs import configure_logging
from housing_server.observability.tracing_options import check_packages, read_tracing
from housing_server.settings import ServerSettings, read_settings
from housing_server.supervision.supervisor import supervise


@click.command()
def serve() -> None:
    """Serve predictions over gRPC, with metrics on a side port.

    Settings are environment variables, among them HOUSING_HOST, HOUSING_GRPC_PORT, HOUSING_METRICS_PORT,
    HOUSING_WORKERS, HOUSING_MODEL_URI and MLFLOW_TRACKING_URI; the README lists them all. On SIGTERM and Ctrl-C it
    drains the calls in flight and exits; on SIGHUP it checks the registry for a new version at once.
    OTEL_EXPORTER_OTLP_ENDPOINT turns tracing on.
    """
    try:
        settings, log = read_settings(ServerSettings), configure_logging("supervisor")
        transport, reason = choose_transport(settings.transport)
        if reason:
            log.info("calls are carried by gRPC's own library, not by Envoy", reason=reason)
        settings = settings.model_copy(update={"transport": transport})
        if read_tracing(os.environ) is not None:
            check_packages()
        source = ModelSource(settings.model_uri, settings.state_dir, allow_pyfunc=settings.allow_pyfunc)
        canaries = CanarySource(settings.model_uri, settings.state_dir, allow_pyfunc=settings.allow_pyfunc)
        asyncio.run(supervise(settings, source, canaries, log))
    except StartError as error:
        raise click.ClickException(str(error)) from error
