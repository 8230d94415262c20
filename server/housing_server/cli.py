"""The commands `housing serve` and `housing gateway`."""

import asyncio
from functools import partial
from typing import TypeVar

import click
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from housing_server.errors import StartError
from housing_server.gateway import run_gateway
from housing_server.logs import configure_logging
from housing_server.registry import fetch_model
from housing_server.settings import GatewaySettings, ServerSettings
from housing_server.supervisor import supervise

Settings = TypeVar("Settings", bound=BaseSettings)


@click.command()
def serve() -> None:
    """Serve predictions over gRPC, with metrics on a side port.

    Settings are environment variables: HOUSING_HOST, HOUSING_GRPC_PORT, HOUSING_METRICS_PORT, HOUSING_WORKERS,
    HOUSING_MODEL_URI, MLFLOW_TRACKING_URI and others that the README lists. Stops on SIGTERM and Ctrl-C, when the
    calls in flight are done.
    """
    settings = _settings(ServerSettings)
    fetch = partial(fetch_model, settings.model_uri, settings.state_dir)
    try:
        asyncio.run(supervise(settings, fetch, configure_logging("supervisor")))
    except StartError as error:
        raise click.ClickException(str(error)) from error


@click.command()
def gateway() -> None:
    """Serve JSON over HTTP in front of a running `housing serve`, through Envoy.

    Settings are environment variables: HOUSING_GATEWAY_HOST, HOUSING_GATEWAY_PORT, HOUSING_GRPC_HOST,
    HOUSING_GRPC_PORT, HOUSING_METRICS_HOST, HOUSING_METRICS_PORT. Stops on SIGTERM and Ctrl-C.
    """
    settings = _settings(GatewaySettings)
    try:
        asyncio.run(run_gateway(settings, configure_logging("gateway")))
    except StartError as error:
        raise click.ClickException(str(error)) from error


def _settings(kind: type[Settings]) -> Settings:
    try:
        return kind()
    except ValidationError as error:
        problems = "; ".join(f"HOUSING_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise click.UsageError(problems) from error
