"""A child process of the service, as the supervisor sees it: started, watched, and started again when it ends."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from housing_server.control.messages import ControlMessage, Drain, Ping
from housing_server.supervision.liveness import Liveness
from housing_server.supervision.starting import Started, Starter
from housing_server.supervision.tasks import backoff_seconds

_LAST_WORDS_SECONDS = 1.0
"""How long messages may take to arrive that a process sent before it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """What all processes of a service are supervised with."""

    starter: Starter
    """Starts programs."""
    log: structlog.typing.FilteringBoundLogger
    """Logs starts and ends."""
    unresponsive_seconds: float
    """How long a process may give no sign of life before it is replaced; 0 for ever."""


class SupervisedProcess(ABC):
    """Keeps one process running until the service stops."""

    def __init__(
        self,
        name: str,
        module: str,
        supervision: Supervision,
        on_change: Callable[[], None] = lambda: None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare to run; nothing runs yet.

        Args:
            name: what metrics and logs call it.
            module: the program to run.
            supervision: what it is supervised with.
            on_change: called after the process began or ceased to serve, or sent another message.
            environment: its environment variables; None for those of this process.
        """
        self.name = name
        """What metrics and logs call it."""
        self.restarts = 0
        """How often it has been started again."""
        self.replaced = 0
        """How often it was replaced because it gave no sign of life."""
        self.exit_code: int | None = None
        """How it ended the last time; None when it never did."""
        self._module = module
        self._environment = environment
        self._starter = supervision.starter
        self._log = supervision.log.bind(child=name)
        self._unresponsive_seconds = supervision.unresponsive_seconds
        self._on_change = on_change
        self._running: Started | None = None
        self._served = False
        self._draining = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._running.process.pid if self._running is not None else None

    @property
    @abstractmethod
    def serving(self) -> bool:
        """Whether it does what it is there for."""

    @abstractmethod
    def configuration(self) -> ControlMessage:
        """Return its first message."""

    @abstractmethod
    def on_message(self, message: ControlMessage) -> None:
        """Handle a message that it has sent."""

    @abstractmethod
    def on_exit(self) -> None:
        """Forget what is true only of a running process."""

    async def keep_running(self) -> None:
        """Start it, and start it again whenever it ends or cannot be started, until `drain` is called."""
        failures = 0
        while not self._draining.is_set():
            served = await self.run_once()
            if self._draining.is_set():
                return
            self.restarts += 1
            # One that served is started again at once; one that ends again and again is not worth all the processor.
            failures = 0 if served else failures + 1
            await self._pause(backoff_seconds(failures))

    def drain(self) -> None:
        """Ask it to finish what it does and exit, and start no other."""
        self._draining.set()
        self.send(Drain())

    def renew(self) -> None:
        """Ask it to finish what it does and exit; another one is started then."""
        self.send(Drain())

    def kill(self) -> None:
        """End it at once."""
        if self._running is not None:
            with suppress(ProcessLookupError):
                self._running.process.kill()

    def send(self, message: ControlMessage) -> None:
        """Send it a message, if it runs."""
        if self._running is not None:
            self._running.control.send(message)

    async def run_once(self) -> bool:
        """Run one process from start to end; return whether it served. What goes wrong is logged, not raised."""
        try:
            started = await self._starter.start(self._module, self._environment)
        except Exception as error:  # pylint: disable=broad-exception-caught  # whatever it is may be over soon
            self._log.error("process cannot be started; trying again with exponential backoff", reason=repr(error))
            return False
        self._running, self._served = started, False
        try:
            await self._accompany(started)
        except Exception:  # pylint: disable=broad-exception-caught  # likewise; a process that nobody watches must end
            self._log.exception("process cannot be supervised; it is replaced")
        finally:
            self.kill()  # of one that has ended nothing is left to kill
            self._end(started)
        return self._served

    async def _accompany(self, started: Started) -> None:
        """Configure a process, listen to it, and watch it, until it ends."""
        liveness = Liveness(self._unresponsive_seconds)
        self.send(self.configuration())
        if self._draining.is_set():  # since it was being started
            self.send(Drain())
        exiting = asyncio.create_task(started.process.wait())
        listening = asyncio.create_task(self._listen(started, liveness))
        watching = asyncio.create_task(self._watch(liveness))
        try:
            await asyncio.wait({exiting, listening}, return_when=asyncio.FIRST_COMPLETED)
            if exiting.done():  # its exit counts: a grandchild may hold its end of the socket open
                await asyncio.wait({listening}, timeout=_LAST_WORDS_SECONDS)
            else:
                listening.result()
            self.exit_code = await exiting
        finally:
            for task in (exiting, listening, watching):
                task.cancel()

    async def _listen(self, started: Started, liveness: Liveness) -> None:
        async for message in started.control:
            liveness.sign()
            self.on_message(message)
            self._served = self._served or self.serving
            self._on_change()

    async def _watch(self, liveness: Liveness) -> None:
        """Ask for a sign of life again and again, and kill the process when there is none."""
        while not liveness.lost():
            self.send(Ping())
            await asyncio.sleep(liveness.pause_seconds)
        self.replaced += 1
        self._log.error("process gives no sign of life; it is replaced", pid=self.pid)
        self.kill()

    def _end(self, started: Started) -> None:
        log = self._log.info if self._draining.is_set() else self._log.error
        log("process ended", pid=started.process.pid, exit_code=self.exit_code)
        self._running = None
        started.control.close()
        self.on_exit()
        try:
            self._starter.clean_up(self.name)
        except OSError as error:
            self._log.error("metrics of a process that has ended cannot be removed", reason=str(error))
        self._on_change()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._draining.wait(), seconds)
