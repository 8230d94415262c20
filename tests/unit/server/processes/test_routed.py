"""The health of a process whose calls do not pass the worker."""

import asyncio
from pathlib import Path

from housing_server.processes.routed import Routed


async def test_health_follows_whether_the_process_listens(tmp_path: Path) -> None:
    """It is yielded at first, and whenever it changes."""
    socket = tmp_path / "helper.sock"
    changes = Routed(str(socket), ("some.Service",), look_seconds=0.01).watch()
    assert await anext(changes) is False
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), socket)
    assert await anext(changes) is True
    server.close()
    await server.wait_closed()
    assert await anext(changes) is False
