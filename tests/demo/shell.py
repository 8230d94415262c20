"""A shell in a terminal of its own, whose commands are typed by a program and recorded as they happen."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

COLUMNS, LINES = 110, 30
"""Size of the terminal, in characters."""

_PROMPT = r"\[\e]133;D;$?\a\]\t $ "
"""The time and a dollar, after the mark that terminals understand as the end of a command, with its exit code."""
_ENDED = re.compile(r"\x1b\]133;D;(\d+)\x07")
_CONTINUED = re.compile(r"\n> \Z")
"""What bash asks for the next line of a command with."""
_QUOTED = 2000
"""Characters that an error quotes."""
_SECONDS_A_PIECE = 0.03
_CHARACTERS_A_PIECE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that the terminal showed."""

    at: float
    """Seconds since the start."""
    text: str
    """What was written, with its control sequences."""


class CommandFailed(Exception):
    """A command of the walk ended with another exit code than 0, or did not end."""


class Shell:
    """A running bash: `with Shell(...)`.

    Args:
        folder: where it runs.
        environment: its environment variables.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.events: list[Event] = []
        """What the terminal has shown so far."""
        self._begun = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            os.execvpe(  # noqa: S606 - the shell is the point  # nosec
                "bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], self._variables(environment)
            )
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self._wait(_ENDED, 0, 60)

    @staticmethod
    def _variables(environment: Mapping[str, str]) -> dict[str, str]:
        return {**environment, "PS1": _PROMPT, "PS2": "> ", "TERM": "xterm-256color", "LANG": "C.UTF-8", "HISTFILE": ""}

    def run(self, command: str, *, until: str = "", patience: float = 900) -> None:
        """Type a command, and wait until it ends.

        Args:
            command: one command, of one or more lines.
            until: text to wait for as well, for a command that goes on in the background.
            patience: seconds to wait.

        Raises:
            CommandFailed: its exit code was not 0, or it took longer.
        """
        *first, last = command.split("\n")
        for line in first:
            begun = len(self.events)
            self._type(f"{line}\n")
            self._wait(_CONTINUED, begun, patience)
        start = len(self.events)
        self._type(f"{last}\n")
        code = self._wait(_ENDED, start, patience)[1]
        if code != "0":
            shown = "".join(event.text for event in self.events[start:])
            raise CommandFailed(f"{command}: exit code {code}\n{shown[-_QUOTED:]}")
        if until:
            self._wait(re.compile(re.escape(until)), start, patience)

    def pause(self, seconds: float) -> None:
        """Record what is shown for some time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._read(left)

    def _type(self, text: str) -> None:
        for place in range(0, len(text), _CHARACTERS_A_PIECE):
            os.write(self._terminal, text[place : place + _CHARACTERS_A_PIECE].encode())
            self._read(_SECONDS_A_PIECE)

    def _wait(self, wanted: re.Pattern[str], start: int, patience: float) -> re.Match[str]:
        """Wait for text among the events from a number on."""
        deadline = time.monotonic() + patience
        while (found := wanted.search("".join(event.text for event in self.events[start:]))) is None:
            if time.monotonic() > deadline:
                raise CommandFailed(f"{wanted.pattern}: not within {patience:g} s")
            self._read(1.0)
        return found

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        if ready and (text := self._decoder.decode(os.read(self._terminal, 65536))):
            self.events.append(Event(at=time.monotonic() - self._begun, text=text))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._terminal)  # hangs up: the shell ends, and so do its jobs
        os.waitpid(self._process, 0)
