"""Conversions between times of the contract and Python's."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(moment: datetime | None) -> Timestamp | None:
    """Convert a time; None for None.

    Raises:
        ValueError: it has no time zone.
    """
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment_of(found: Timestamp) -> datetime:
    """Convert a time, to UTC."""
    return found.ToDatetime(tzinfo=UTC)
