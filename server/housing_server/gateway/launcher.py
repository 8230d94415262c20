"""The gateway's launcher: renders Envoy's configuration, runs Envoy, and drains it on SIGTERM or SIGINT."""

import asyncio
import signal

import structlog

from housing.addresses import address_of
from housing_server.gateway.config import render
from housing_server.gateway.envoy import Envoy
from housing_server.observability.tracing_options import TracingOptions
from housing_server.settings import GatewaySettings
from housing_server.system.ports import reserved_port


async def run_gateway(
    settings: GatewaySettings, tracing: TracingOptions | None, log: structlog.typing.FilteringBoundLogger
) -> None:
    """Run Envoy until SIGTERM or SIGINT.

    Raises:
        StartError: other machines could connect without encryption, the port is not available, the tracing options are
            not supported, or Envoy exited.
    """
    settings.check_exposure()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    host = settings.gateway_host
    with reserved_port(host, settings.gateway_port, "HOUSING_GATEWAY_PORT", "HOUSING_GATEWAY_HOST") as port:
        settings = settings.model_copy(update={"gateway_host": address_of(host), "gateway_port": port})
        folder = settings.state_dir / "gateway"
        socket = folder / f"admin-{port}.sock"
        config = render(settings, tracing, folder, socket.relative_to(folder))
        envoy = await Envoy.start(config, socket, settings.gateway_threads)
        log.info("listening", host=host, gateway_port=port)
        ended = asyncio.create_task(envoy.ended())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            log.info("draining")
            await envoy.drain(settings.gateway_drain_seconds, settings.grace_seconds)
        await ended
        log.info("stopped")
