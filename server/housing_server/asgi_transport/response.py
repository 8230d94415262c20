"""The response to a call: headers, messages and trailers, or trailers only."""

from housing_server.asgi_transport.events import CallerGone, Event, Send, shielded
from housing_server.asgi_transport.frames import ENCODINGS, frame
from housing_server.asgi_transport.headers import Headers

_HEADERS: Headers = [(b"content-type", b"application/grpc"), (b"grpc-accept-encoding", ENCODINGS)]
_START: Event = {"type": "http.response.start", "status": 200, "headers": _HEADERS, "trailers": True}
_END_OF_BODY: Event = {"type": "http.response.body", "body": b"", "more_body": False}


def send_only_message(send: Send, data: bytes, trailers: Headers) -> None:
    """Send a complete response with one message, at once.

    Raises:
        CallerGone: the caller has disconnected.
    """
    _pass_at_once(send, _START)
    _pass_at_once(send, {"type": "http.response.body", "body": frame(data), "more_body": False})
    _pass_at_once(send, {"type": "http.response.trailers", "headers": trailers})


def send_failure(send: Send, trailers: Headers) -> None:
    """Send a trailers-only response, at once.

    Raises:
        CallerGone: the caller has disconnected.
    """
    _pass_at_once(send, {"type": "http.response.start", "status": 200, "headers": _HEADERS + trailers})
    _pass_at_once(send, _END_OF_BODY)


def _pass_at_once(send: Send, event: Event) -> None:
    """Send an event that ends a response, or belongs to its end: the server may not wait with it."""
    try:
        for _ in send(event).__await__():
            raise RuntimeError("the server waits with a response that is complete")
    except OSError:  # what ASGI servers raise when the connection is closed
        raise CallerGone from None


def trailers_apart(send: Send) -> Send:
    """Return a `send` that turns a trailers-only response into headers and trailers.

    Envoy returns the caller's request id in the headers. Where it was replaced, the new one needs trailers of its own.
    """
    trailers: Headers = []

    async def pass_on(event: Event) -> None:
        if event["type"] == "http.response.start" and not event.get("trailers", False):
            trailers.extend(header for header in event["headers"] if header not in _HEADERS)
            await send(_START)
            return
        await send(event)
        if trailers and event["type"] == "http.response.body":
            await send({"type": "http.response.trailers", "headers": trailers})

    return pass_on


class Response:
    """Sends the response of one call."""

    __slots__ = ("_send", "_started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = False

    async def message(self, data: bytes) -> None:
        """Send an encoded message, and wait until there is room for more.

        Raises:
            CallerGone: the caller has disconnected.
        """
        if not self._started:
            await self._pass(_START)
            self._started = True
        await self._pass({"type": "http.response.body", "body": frame(data), "more_body": True})

    async def only_message(self, data: bytes, trailers: Headers) -> None:
        """Send a complete response with one message.

        Raises:
            CallerGone: the caller has disconnected.
        """
        self._started = True
        await self._pass(_START)
        await self._pass({"type": "http.response.body", "body": frame(data), "more_body": False})
        await self._pass({"type": "http.response.trailers", "headers": trailers})

    async def end(self, trailers: Headers) -> None:
        """Send the trailers; without a message before them, as a trailers-only response.

        Raises:
            CallerGone: the caller has disconnected.
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
