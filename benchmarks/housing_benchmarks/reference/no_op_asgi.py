"""An ASGI application inside Envoy that does nothing: that transport's limit. `python -m ...no_op_asgi PORT ANSWER`.

It reads the request, looks at none of it, and answers with the bytes of a file, framed, and trailers.
"""

import asyncio
import os
import signal
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from housing_benchmarks.reference.listening import READY

_ANSWER = "HOUSING_BENCHMARKS_ANSWER"
_HEADERS = [(b"content-type", b"application/grpc")]
_TRAILERS = [(b"grpc-status", b"0")]


class NoOpApplication:
    """Answers every request alike."""

    def __init__(self, message: bytes) -> None:
        self._body = struct.pack(">BI", 0, len(message)) + message

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer a request, or live."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS, "trailers": True})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})
        await send({"type": "http.response.trailers", "headers": _TRAILERS})


async def _serve(port: int) -> None:
    from pyvoy import PyvoyServer  # noqa: PLC0415 - an extra

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    name = "housing_benchmarks.reference.no_op_asgi:application"
    # One thread a process, as in a worker of the service.
    async with PyvoyServer(name, port=port, additional_envoy_args=["--concurrency", "1"]):
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    os.environ[_ANSWER] = sys.argv[2]
    asyncio.run(_serve(int(sys.argv[1])))
else:  # inside Envoy
    application = NoOpApplication(Path(os.environ[_ANSWER]).read_bytes() if _ANSWER in os.environ else b"")
