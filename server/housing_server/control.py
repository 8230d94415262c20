"""What supervisor and workers tell each other: one JSON object a line over a socket pair.

The socket is a lifeline too: each side takes its end for the death of the other.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import get_args


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """To a worker, first of all: how to serve."""

    slot: int
    """Which of the workers it is, from 0."""
    host: str
    """Address to listen on."""
    port: int
    """Port to listen on, shared with the other workers."""
    model_folder: str | None
    """The fetched model to load before listening; None to listen at once and wait for `LoadModel`."""
    drain_seconds: float
    """How long to go on accepting calls after health has gone down."""
    grace_seconds: float
    """How long calls may take to finish when the worker stops."""
    max_connection_age_seconds: float
    """After how long a connection is asked to reconnect, so that load spreads over new workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareModel:
    """To a worker: load this model beside the one it serves, and keep it at hand."""

    folder: str
    """The fetched model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardModel:
    """To a worker: forget the model kept at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel:
    """To a worker: serve this model, which is at hand or else is loaded first."""

    folder: str
    """The fetched model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStatus:
    """To a worker: what to answer GetStatus with."""

    status: str
    """A `housing.v1.GetStatusResponse` as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """To a worker: health down, finish the calls in flight, exit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """From a worker: the model is at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """From a worker: it listens and has a model loaded."""

    model_version: str
    """Version of the loaded model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFailed:
    """From a worker: the model cannot be served."""

    reason: str
    """Why, in one line."""


Message = Configure | PrepareModel | DiscardModel | LoadModel | ReportStatus | Drain | Prepared | Serving | LoadFailed

_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}

_LINE_LIMIT = 1 << 20


class ControlChannel:
    """One end of the socket between the supervisor and a worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> ControlChannel:
        """Take over one end of a socket pair."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_LINE_LIMIT))

    def send(self, message: Message) -> None:
        """Send a message; it is dropped when the other side is gone, which `receive` tells."""
        if not self._writer.is_closing():
            line = json.dumps({"kind": type(message).__name__, **asdict(message)})
            self._writer.write(line.encode() + b"\n")

    async def receive(self) -> Message | None:
        """Wait for a message; None when the other side is gone."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        fields = json.loads(line)
        return _KINDS[fields.pop("kind")](**fields)

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self.receive()) is not None:
            yield message

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
