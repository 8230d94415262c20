"""Times on record: whole microseconds, the same on the way in and out."""

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from housing_server.prediction_log.records import from_timestamp, timestamp


@given(st.integers(0, 253_402_300_799_999_999))
def test_time_comes_back_to_the_microsecond(stored: int) -> None:
    """From the record to the message and back, to the end of the year 9999."""
    assert from_timestamp(timestamp(stored)) == stored


def test_nanoseconds_of_a_filter_are_cut_off() -> None:
    """Records hold none."""
    assert from_timestamp(Timestamp(seconds=1, nanos=1_999)) == 1_000_001
