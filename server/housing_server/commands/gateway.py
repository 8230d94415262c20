"""The command `housing gateway`."""

import asyncio
import os

import click

from housing_server.errors import StartError
from housing_server.gateway.launcher import run_gateway
from housing_server.observability.logs import configure_logging
from housing_server.observability.tracing_options import read_tracing
from housing_server.settings import GatewaySettings, read_settings


@click.command()
def gateway() -> None:
    """Serve JSON over HTTP in front of a running `housing serve`, through Envoy.

    Settings are environment variables, among them HOUSING_GATEWAY_HOST, HOUSING_GATEWAY_PORT, HOUSING_GRPC_HOST,
    HOUSING_GRPC_PORT, HOUSING_METRICS_HOST and HOUSING_METRICS_PORT; the README lists them all. On SIGTERM and Ctrl-C
    it drains the requests in flight and exits. OTEL_EXPORTER_OTLP_ENDPOINT turns tracing on.
    """
    try:
        settings = read_settings(GatewaySettings)
        asyncio.run(run_gateway(settings, read_tracing(os.environ), configure_logging("gateway")))
    except StartError as error:
        raise click.ClickException(str(error)) from error
