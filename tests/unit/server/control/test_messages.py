"""The channel between supervisor and workers."""

import socket

from housing_server.control.channel import ControlChannel
from housing_server.control.messages import ControlMessage, Drain, LoadModel, Ping, Pong, ReportStatus, Serving


async def test_messages_arrive_whole_and_in_order() -> None:
    """Each kind comes out as it went in."""
    one, other = socket.socketpair()
    ours, theirs = await ControlChannel.open(one), await ControlChannel.open(other)
    sent: list[ControlMessage] = [
        LoadModel(folder="/models/1"),
        ReportStatus(status='{"a": "\\n"}'),
        Serving(model_version="3"),
        Drain(),
    ]
    for message in sent:
        ours.send(message)
    assert [await theirs.receive() for _ in sent] == sent
    ours.close()
    assert await theirs.receive() is None
    theirs.close()


async def test_sending_to_one_who_is_gone_is_no_error() -> None:
    """The end of the other side is told by `receive`, not by an exception while sending."""
    one, other = socket.socketpair()
    ours = await ControlChannel.open(one)
    other.close()
    ours.send(Drain())
    assert await ours.receive() is None
    ours.send(Drain())
    ours.close()


async def test_a_ping_is_answered_while_the_process_is_alive() -> None:
    """A process that has found its work stuck gives no sign of life, though its event loop turns."""
    one, other = socket.socketpair()
    ours, theirs = await ControlChannel.open(one), await ControlChannel.open(other)
    ours.send(Ping())
    assert await ours.receive() == Pong()
    theirs.alive = lambda: False
    for message in (Ping(), Drain()):
        ours.send(message)
    assert await theirs.receive() == Drain()
    theirs.send(Serving(model_version="1"))
    assert await ours.receive() == Serving(model_version="1")
    ours.close()
    theirs.close()
