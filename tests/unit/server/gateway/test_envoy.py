"""What Envoy answers through its admin interface, and what is made of no answer."""

import socket
import threading
from pathlib import Path

import pytest

from housing_server.gateway.admin import Admin, is_idle

ACTIVE = '{"stats": [{"name": "http.gateway.downstream_rq_active", "value": %d}]}'


@pytest.mark.parametrize(
    ("stats", "idle"),
    [(ACTIVE % 0, True), (ACTIVE % 1, False), ('{"stats": []}', False), (None, False)],
    ids=["none under way", "one under way", "not counted", "no answer"],
)
def test_only_a_count_of_zero_is_idle(stats: str | None, *, idle: bool) -> None:
    """An admin interface that does not answer says nothing about requests: they are waited for."""
    assert is_idle(stats) is idle


def test_missing_socket_is_no_answer(tmp_path: Path) -> None:
    """Before Envoy listens, and after its end, there is no answer rather than an error."""
    assert Admin(tmp_path / "admin.sock").ask("/ready") is None
    assert Admin(tmp_path / "nowhere" / "admin.sock").ask("/ready") is None


@pytest.mark.parametrize(("status", "answer"), [("200 OK", "LIVE"), ("503 Service Unavailable", None)])
def test_long_path_of_a_socket_is_no_obstacle(status: str, answer: str | None, tmp_path: Path) -> None:
    """The socket may be in any folder; an error is no answer."""
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        (tmp_path / "short").symlink_to(folder)
        server.bind(str(tmp_path / "short" / "admin.sock"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(f"HTTP/1.1 {status}\r\ncontent-length: 4\r\n\r\nLIVE".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        assert Admin(folder / "admin.sock").ask("/ready") == answer
        thread.join()
