"""Calls of methods whose requests are queued: callbacks in place of a task, which would cost more than the answer."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import Any

from housing_server.asgi_transport.events import CallerGone, Event, Receive, Send, wait_for_disconnect
from housing_server.asgi_transport.frames import Frames, only_message
from housing_server.asgi_transport.hangups import Hangups
from housing_server.asgi_transport.headers import failure, success
from housing_server.asgi_transport.response import send_failure, send_only_message
from housing_server.core.calls import CallScope
from housing_server.core.deadlines import Deadlines
from housing_server.core.endpoints import Queued, QueuedEndpoint
from housing_server.errors import UndecodableMessage


class Endings:
    """Finishes answered calls together, in the next turn of the event loop.

    The responses of a run leave one right after the other, so that the server need not wake up for each of them.
    """

    def __init__(self, finish_all: Callable[[list[CallScope]], object]) -> None:
        """Start without calls.

        Args:
            finish_all: finishes calls that have succeeded.
        """
        self._finish_all = finish_all
        self._answered: list[CallScope] = []

    def add(self, call: CallScope) -> None:
        """Finish a call whose response has been sent."""
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._finish)
        self._answered.append(call)

    def _finish(self) -> None:
        answered, self._answered = self._answered, []
        self._finish_all(answered)


class QueuedCall:
    """One call, from its head to its trailers.

    A server may await it as it would a coroutine. One that wraps it in a task may as well take it for the task: it runs
    on its own, and ends without an exception.
    """

    __slots__ = (
        "_call",
        "_deadlines",
        "_encoding",
        "_ended",
        "_endings",
        "_endpoint",
        "_expected",
        "_frames",
        "_hangups",
        "_messages",
        "_queued",
        "_receive",
        "_send",
        "_waiter",
        "_watching",
    )

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        endpoint: QueuedEndpoint[Any, Any],
        call: CallScope,
        *,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        deadlines: Deadlines,
        hangups: Hangups,
        endings: Endings,
    ) -> None:
        """Begin to read the request."""
        self._endpoint = endpoint
        self._call = call
        self._encoding = headers.get(b"grpc-encoding", b"")
        self._receive = receive
        self._send = send
        self._deadlines = deadlines
        self._hangups = hangups
        self._endings = endings
        self._frames: Frames | None = None
        self._messages: list[bytes] = []
        self._queued: Queued | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._expected: int | None = None
        self._ended = False
        try:
            deadline = call.enter().deadline
            if self._encoding:
                self._frames = self._new_frames()
            if deadline is not None:
                deadlines.watch(self, deadline)
            self._expected = endpoint.arrivals.announce()
            self._read()
        except BaseException as error:  # pylint: disable=broad-exception-caught  # the call ends with it
            self.failed(error)

    def answered(self, data: bytes) -> None:
        """Send the response."""
        try:
            send_only_message(self._send, data, success(self._call.request_id))
        except BaseException as error:  # pylint: disable=broad-exception-caught  # the call ends with it
            self.failed(error)
            return
        self._endings.add(self._call)
        self._end()

    def failed(self, error: BaseException) -> None:
        """End the call with the status of its error, unless the caller has disconnected."""
        if self._ended:
            return
        self._end()
        status = self._call.finish(error)
        if status is not None:
            with suppress(CallerGone):
                send_failure(self._send, failure(self._call.request_id, status))

    def cancel(self) -> None:
        """End the call, whose deadline has passed."""
        self.failed(TimeoutError())

    def start_watching(self, poll_seconds: float) -> None:
        """End the call once its caller has disconnected."""
        self._watching = asyncio.create_task(self._watch(poll_seconds))

    def add_done_callback(self, _callback: object) -> None:
        """Do nothing, as a task that never ends with an exception: this is what servers want to be called for."""

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until the call has ended."""
        if self._ended:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            yield from self._waiter
        except asyncio.CancelledError as error:
            self.failed(error)
            raise

    def _read(self) -> None:
        event: Any = self._receive()
        future = event if isinstance(event, asyncio.Future) else asyncio.ensure_future(event)
        future.add_done_callback(self._received)

    def _received(self, future: "asyncio.Future[Event]") -> None:
        if self._ended:
            return
        try:
            event = future.result()
            message = None
            if self._frames is None and event["type"] == "http.request" and not event.get("more_body", False):
                message = only_message(event.get("body", b""))
            if message is None:
                message = self._message_from_part(event)
            if message is None:
                self._read()
                return
            self._settle_arrival()
            self._hangups.add(self)
            self._queued = self._endpoint.begin(message, self._call.caller, self)
        except BaseException as error:  # pylint: disable=broad-exception-caught  # the call ends with it
            self.failed(error)

    def _message_from_part(self, event: Event) -> bytes | None:
        """Return the only message once the request has ended with this part; None before."""
        if event["type"] == "http.disconnect":
            raise CallerGone
        frames = self._frames = self._frames or self._new_frames()
        frames.feed(event.get("body", b""))
        self._messages += frames.messages()
        more = event.get("more_body", False)
        if not more:
            frames.close()
        if len(self._messages) > 1 or not (more or self._messages):
            raise UndecodableMessage(self._endpoint.request.DESCRIPTOR.full_name)
        return None if more else self._messages[0]

    def _new_frames(self) -> Frames:
        return Frames(self._encoding, self._endpoint.request.DESCRIPTOR.full_name)

    async def _watch(self, poll_seconds: float) -> None:
        await wait_for_disconnect(self._receive, poll_seconds)
        self._watching = None
        self.failed(CallerGone())

    def _settle_arrival(self) -> None:
        if self._expected is not None:
            self._endpoint.arrivals.settle(self._expected)
            self._expected = None

    def _end(self) -> None:
        self._ended = True
        self._settle_arrival()
        self._deadlines.leave(self)
        self._hangups.remove(self)
        if self._queued is not None:
            self._queued.cancel()
            self._queued = None  # it refers to this call: without the cycle both are freed at once
        if self._watching is not None:
            self._watching.cancel()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def task_factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> Any:
    """Create a task, as event loops do, unless this is a call that needs none."""
    return work if isinstance(work, QueuedCall) else asyncio.Task(work, loop=loop, **options)
