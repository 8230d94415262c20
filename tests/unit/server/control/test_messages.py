"""The channel between supervisor and workers."""

import socket

from housing_server.control.channel import ControlChannel
from housing_server.control.messages import ControlMessage, Drain, LoadModel, ReportStatus, Serving


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
