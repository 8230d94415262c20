"""A child process from the supervisor's side: started, monitored, and restarted when it ends."""

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
"""How long to wait for messages that a process sent before it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """The dependencies shared by all supervised processes."""

    starter: Starter
    """Starts programs."""
    log: structlog.typing.FilteringBoundLogger
    """Logs starts and exits."""
    unresponsive_seconds: float
    """How long a process may fail to answer pings before it is replaced; 0 for no limit."""


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
        """Create a supervised process; it is not started yet.

        Args:
            name: its name in metrics and logs.
            module: the program to run.
            supervision: the shared dependencies.
            on_change: called after the process started or stopped serving, or sent another message.
            environment: its environment variables; None to inherit.
        """
        self.name = name
        """Its name in metrics and logs."""
        self.restarts = 0
        """How often it has been restarted."""
        self.replaced = 0
        """How often it was replaced because it stopped responding."""
        self.exit_code: int | None = None
        """Exit code of the last process; None before the first exit."""
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
        """Whether it is ready for its work."""

    @abstractmethod
    def configuration(self) -> ControlMessage:
        """Return its first message."""

    @abstractmethod
    def on_message(self, message: ControlMessage) -> None:
        """Handle a message from the process."""

    @abstractmethod
    def on_exit(self) -> None:
        """Reset the state of the process."""

    async def keep_running(self) -> None:
        """Start it, and restart it whenever it ends or cannot be started, until `drain` is called."""
        failures = 0
        while not self._draining.is_set():
            served = await self.run_once()
            if self._draining.is_set():
                return
            self.restarts += 1
            # One that served is restarted at once; backoff keeps one that fails repeatedly from using up the processor.
            failures = 0 if served else failures + 1
            await self._pause(backoff_seconds(failures))

    def drain(self) -> None:
        """Ask it to finish its work and exit, and do not restart it."""
        self._draining.set()
        self.send(Drain())

    def renew(self) -> None:
        """Ask it to finish its work and exit; it is restarted then."""
        self.send(Drain())

    def kill(self) -> None:
        """Kill it."""
        if self._running is not None:
            with suppress(ProcessLookupError):
                self._running.process.kill()

    def send(self, message: ControlMessage) -> None:
        """Send it a message, if it is running."""
        if self._running is not None:
            self._running.control.send(message)

    async def run_once(self) -> bool:
        """Run one process from start to end; return whether it served. Errors are logged, not raised."""
        try:
            started = await self._starter.start(self._module, self._environment)
        except Exception as error:  # pylint: disable=broad-exception-caught  # any cause may be temporary
            self._log.error("process cannot be started; retrying with exponential backoff", reason=repr(error))
            return False
        self._running, self._served = started, False
        try:
            await self._accompany(started)
        except Exception:  # pylint: disable=broad-exception-caught  # likewise; an unsupervised process must end
            self._log.exception("supervising the process failed; replacing it")
        finally:
            self.kill()  # without effect on one that has ended
            self._end(started)
        return self._served

    async def _accompany(self, started: Started) -> None:
        """Configure a process, receive its messages, and monitor it until it ends."""
        liveness = Liveness(self._unresponsive_seconds)
        self.send(self.configuration())
        if self._draining.is_set():  # while it was starting
            self.send(Drain())
        exiting = asyncio.create_task(started.process.wait())
        listening = asyncio.create_task(self._listen(started, liveness))
        watching = asyncio.create_task(self._watch(liveness))
        try:
            await asyncio.wait({exiting, listening}, return_when=asyncio.FIRST_COMPLETED)
            if exiting.done():  # its exit decides: a grandchild may hold its end of the socket open
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
        """Send pings, and kill the process when it stops responding."""
        while not liveness.lost():
            self.send(Ping())
            await asyncio.sleep(liveness.pause_seconds)
        self.replaced += 1
        self._log.error("process stopped responding; replacing it", pid=self.pid)
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
            self._log.error("the metrics of an ended process cannot be removed", reason=str(error))
        self._on_change()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._draining.wait(), seconds)
