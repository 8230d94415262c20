"""Many idle HTTP/2 connections at once, which answer pings: those of callers that do not are closed after a while."""

import selectors
import socket
import threading
from types import TracebackType
from typing import Self

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What an HTTP/2 client sends first: the preface, and settings that change nothing."""
_HEAD = 9
_PING, _ACK = 6, 1
_LOOK_SECONDS = 0.2


class IdleConnections:
    """Connections that stay open until the end of the block: `with IdleConnections() as idle`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._unread: dict[socket.socket, bytes] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._answer_pings)

    def open(self, port: int, timeout: float) -> None:
        """Open one more on this machine.

        Raises:
            OSError: it is refused.
        """
        opened = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        opened.sendall(_HELLO)
        self._unread[opened] = b""
        self._selector.register(opened, selectors.EVENT_READ)

    @property
    def count(self) -> int:
        """Connections that the other side has not closed."""
        return len(self._unread)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for opened in list(self._unread):
            opened.close()
        self._selector.close()

    def _answer_pings(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._selector.select(_LOOK_SECONDS):
                assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - nothing else is registered
                self._read(key.fileobj)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(1 << 16)
            pings, self._unread[connection] = pings_in(self._unread[connection] + data)
            for ping in pings:
                connection.sendall(answer_to(ping))
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(connection)
            del self._unread[connection]
            connection.close()


def pings_in(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the payloads of the pings among frames of HTTP/2, and the beginning of a frame that is not complete."""
    pings = []
    while len(data) >= _HEAD and len(data) >= (end := _HEAD + int.from_bytes(data[:3])):
        if data[3] == _PING and not data[4] & _ACK:
            pings.append(data[_HEAD:end])
        data = data[end:]
    return pings, data


def answer_to(ping: bytes) -> bytes:
    """Return the frame that answers a ping."""
    return len(ping).to_bytes(3) + bytes([_PING, _ACK, 0, 0, 0, 0]) + ping
