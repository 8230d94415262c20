"""Requests to an ASGI application, with the server played by the test."""

import asyncio
import struct
from base64 import b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from housing_server.asgi_transport.application import Application
from housing_server.asgi_transport.events import Event

_PEER = ("127.0.0.1", 50000)
_EMPTY: Event = {"type": "http.request", "body": b"", "more_body": False}
_GONE: Event = {"type": "http.disconnect"}


def framed(message: bytes, flag: int = 0) -> bytes:
    """Put a message behind its prefix."""
    return struct.pack(">BI", flag, len(message)) + message


class Request:
    """One request: what the test feeds it, and what the application has sent."""

    def __init__(
        self,
        path: str,
        *,
        method: str = "POST",
        headers: Sequence[tuple[bytes, bytes]] = (),
        content_type: bytes = b"application/grpc",
        polled: bool = False,
    ) -> None:
        """Prepare a request.

        Args:
            path: its path.
            method: its HTTP method.
            headers: more headers.
            content_type: its content type.
            polled: whether the server, like pyvoy, answers at once with nothing once all of the request was read.
        """
        self.sent: list[Event] = []
        self.room = asyncio.Event()
        self.room.set()
        self._polled = polled
        self._read = False
        self._gone = self._left = False
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "client": _PEER,
            "headers": [(b"content-type", content_type), (b"te", b"trailers"), *headers],
        }

    def feed(self, body: bytes, *, more: bool = False) -> "Request":
        """Send a part of the body; by default the last."""
        self._events.put_nowait({"type": "http.request", "body": body, "more_body": more})
        return self

    def hang_up(self) -> "Request":
        """Close the call."""
        self._gone = True
        self._events.put_nowait(_GONE)
        return self

    async def answer(self, application: Application) -> "Request":
        """Wait for the response."""
        await application(self.scope, self.receive, self.send)
        return self

    async def receive(self) -> Event:
        """Return the next event, as a server does."""
        if self._polled and self._read:
            return _GONE if self._gone or self._left else _EMPTY
        event = await self._events.get()
        self._read = not event.get("more_body", False)
        return event

    async def send(self, event: Event) -> None:
        """Record an event, like a server's `send`."""
        await self.room.wait()
        if self._gone:
            raise OSError("the connection is closed")
        self.sent.append(event)
        if self._is_last(event):
            self._left = True
            self._events.put_nowait(_GONE)

    def _is_last(self, event: Event) -> bool:
        with_trailers = self.sent[0].get("trailers", False)
        return event["type"] == "http.response.trailers" or (not event.get("more_body", True) and not with_trailers)

    @property
    def unread(self) -> int:
        """How many parts of the request the application has not read."""
        return self._events.qsize()

    @property
    def http_status(self) -> int:
        """The HTTP status of the response."""
        return int(self.sent[0]["status"])

    @property
    def messages(self) -> list[bytes]:
        """The messages of the response so far."""
        body, found = b"".join(event["body"] for event in self.sent if event["type"] == "http.response.body"), []
        while body:
            end = 5 + int.from_bytes(body[1:5], "big")
            found.append(body[5:end])
            body = body[end:]
        return found

    @property
    def trailers(self) -> dict[bytes, bytes]:
        """The trailers, or the headers of a response that has no others."""
        alone = self.sent[0]["type"] == "http.response.start" and not self.sent[0].get("trailers")
        last = self.sent[0] if alone else self.sent[-1]
        assert alone or last["type"] == "http.response.trailers", "the response has not ended"
        return dict(last["headers"])

    @property
    def refusal(self) -> tuple[int, str, str]:
        """Code, reason and text of a refusal, from its details; `grpc-status` and `grpc-message` are the same."""
        trailers, info = self.trailers, ErrorInfo()
        data = trailers[b"grpc-status-details-bin"]
        status = Status.FromString(b64decode(data + b"=" * (-len(data) % 4)))
        assert status.details[-1].Unpack(info)
        assert status.code == int(trailers[b"grpc-status"])
        assert status.message == unquote_to_bytes(trailers[b"grpc-message"]).decode()
        return status.code, info.reason, status.message
