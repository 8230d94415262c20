"""What stands around supervised processes in unit tests: processes that are objects, and a log that is a list."""

import asyncio
import itertools
import socket
from collections.abc import Mapping

import structlog
from structlog.testing import LogCapture

from housing_server.control.channel import ControlChannel
from housing_server.control.messages import ControlMessage, Drain, Ping, Pong, decode, encode
from housing_server.supervision.process import Supervision
from housing_server.supervision.starting import Started
from running import PATIENCE


class FakeProcess:
    """A process that ends when a test, or the supervisor, says so; it answers a ping only when it is passed over."""

    def __init__(self, pid: int, end: socket.socket) -> None:
        self.pid = pid
        self._end = end
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        end.setblocking(False)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return not self._code.done()

    async def obey(self) -> None:
        """End as soon as the supervisor asks it to."""
        while not isinstance(await self.receive(), Drain):
            pass
        self.exit(0)

    async def wait(self) -> int:
        """Wait until it ends."""
        return await asyncio.wait_for(asyncio.shield(self._code), PATIENCE)

    def kill(self) -> None:
        """End it at once."""
        self.exit(-9)

    def exit(self, code: int, *, closes: bool = True) -> None:
        """End it; its end of the socket is closed with it, unless somebody has inherited it."""
        if not self._code.done():
            self._code.set_result(code)
        if closes:
            self._end.close()

    def send(self, message: ControlMessage) -> None:
        """Send the supervisor a message."""
        self._end.sendall(encode(message))

    async def receive(self) -> ControlMessage:
        """Wait for the supervisor's next message that is no ping."""
        while isinstance(message := decode(await asyncio.wait_for(self._line(), PATIENCE)), Ping):
            self.send(Pong())
        return message

    async def _line(self) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            line += await asyncio.get_running_loop().sock_recv(self._end, 1)
        return bytes(line)


class FakeStarter:
    """Starts fake processes, or refuses as often as a test says."""

    def __init__(self) -> None:
        self.refusals: list[Exception] = []
        """What the next starts raise."""
        self.cleaned: list[str] = []
        """Names of the processes whose metrics were removed."""
        self.processes: list[FakeProcess] = []
        """All that were started."""
        self.started: asyncio.Queue[FakeProcess] = asyncio.Queue()
        """The processes that run, as they are started."""
        self._pids = itertools.count(1)

    async def start(self, module: str, environment: Mapping[str, str] | None) -> Started:
        """Start a program, which does nothing."""
        assert environment is None
        if self.refusals:
            raise self.refusals.pop(0)
        assert module.startswith("housing_server.processes.")
        one, other = socket.socketpair()
        control = await ControlChannel.open(one)
        process = FakeProcess(next(self._pids), other)
        self.processes.append(process)
        self.started.put_nowait(process)
        return Started(process=process, control=control)

    def clean_up(self, name: str) -> None:
        """Remember the name."""
        self.cleaned.append(name)


class Surroundings:
    """A starter and a log."""

    def __init__(self, unresponsive_seconds: float = 0) -> None:
        self.starter = FakeStarter()
        self.logs = LogCapture()
        self.log = structlog.wrap_logger(None, processors=[self.logs])
        self.supervision = Supervision(starter=self.starter, log=self.log, unresponsive_seconds=unresponsive_seconds)

    def events(self, level: str) -> list[str]:
        """Name the events that were logged at a level."""
        return [entry["event"] for entry in self.logs.entries if entry["log_level"] == level]
