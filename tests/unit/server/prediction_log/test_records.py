"""Times on record: whole microseconds, the same on the way in and out."""

from datetime import UTC, datetime, timedelta, timezone

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from housing_server.prediction_log.records import from_timestamp, row_from_record, timestamp
from predictions_on_record import record


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_time_comes_back_to_the_microsecond(moment: datetime) -> None:
    """From the record to the row to the message."""
    stored = row_from_record(record(predicted_at=moment))["predicted_at_us"]
    told = timestamp(stored)
    assert told.ToDatetime(UTC) == moment
    assert from_timestamp(told) == stored


def test_time_of_another_zone_is_the_same_moment() -> None:
    """An aware time is a moment, however it is written."""
    here = datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert row_from_record(record(predicted_at=here))["predicted_at_us"] == 1_772_323_200 * 1_000_000


def test_nanoseconds_of_a_filter_are_cut_off() -> None:
    """Records hold none."""
    assert from_timestamp(Timestamp(seconds=1, nanos=1_999)) == 1_000_001


def test_record_is_left_as_it_is() -> None:
    """Whoever made it may use it again."""
    given_record = record()
    before = dict(given_record)
    row_from_record(given_record)
    assert given_record == before
