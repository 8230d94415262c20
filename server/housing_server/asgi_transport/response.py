"""The response to a call: its headers, messages and trailers, or its trailers alone."""

from housing_server.asgi_transport.events import CallerGone, Event, Send, shielded
from housing_server.asgi_transport.frames import ENCODINGS, frame
from housing_server.asgi_transport.headers import Headers

_HEADERS: Headers = [(b"content-type", b"application/grpc"), (b"grpc-accept-encoding", ENCODINGS)]
_START: Event = {"type": "http.response.start", "status": 200, "headers": _HEADERS, "trailers": True}
_END_OF_BODY: Event = {"type": "http.response.body", "body": b"", "more_body": False}


class Response:
    """What is sent to one caller."""

    __slots__ = ("_send", "_started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = False

    async def message(self, data: bytes) -> None:
        """Send an encoded message, and wait until there is room for more.

        Raises:
            CallerGone: nobody reads it.
        """
        if not self._started:
            await self._pass(_START)
            self._started = True
        await self._pass({"type": "http.response.body", "body": frame(data), "more_body": True})

    async def only_message(self, data: bytes, trailers: Headers) -> None:
        """Send all of a response with one message.

        Raises:
            CallerGone: nobody reads it.
        """
        self._started = True
        await self._pass(_START)
        await self._pass({"type": "http.response.body", "body": frame(data), "more_body": False})
        await self._pass({"type": "http.response.trailers", "headers": trailers})

    async def end(self, trailers: Headers) -> None:
        """Send the end of a response; before its first message, that is all of it.

        Raises:
            CallerGone: nobody reads it.
        """
        if self._started:
            await self._pass(_END_OF_BODY)
            await self._pass({"type": "http.response.trailers", "headers": trailers})
        else:
            await self._pass({"type": "http.response.start", "status": 200, "headers": _HEADERS + trailers})
            await self._pass(_END_OF_BODY)

    async def _pass(self, event: Event) -> None:
        try:
            await shielded(self._send(event))
        except OSError:  # what ASGI servers raise when the connection is closed
            raise CallerGone from None
