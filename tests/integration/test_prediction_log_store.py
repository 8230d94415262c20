"""The store of the prediction log, on a SQLite file and on a real PostgreSQL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from housing_server.errors import PredictionLogUnavailable, QueryTooSlow
from housing_server.prediction_log.drainer import Drainer
from housing_server.prediction_log.journal import Journal
from housing_server.prediction_log.journal_files import journal_files
from housing_server.prediction_log.records import COLUMNS
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import METADATA, predictions
from postgres import PostgresServer
from predictions_on_record import ROWS_OF_A_TRANSACTION, START, add, record
from running import PATIENCE, ROOT
from serving_fakes import answered


def ids(store: PredictionStore) -> list[str]:
    """The predictions on record, in the order of their ids."""
    key = predictions.c.prediction_id
    with store.reading() as connection:
        return list(connection.scalars(select(key).order_by(key)))


@contextmanager
def writers(url: str, *, processes: int, transactions: int) -> Iterator["subprocess.Popen[str]"]:
    """Run a program whose processes write, all at once; it is killed at the end of the block."""
    program = str(ROOT / "tests/predictions_on_record.py")
    with subprocess.Popen(
        [sys.executable, program, url, str(processes), str(transactions)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdin is not None
        running.stdin.write("go\n")
        running.stdin.flush()
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def test_what_is_added_is_kept_in_every_column(store: PredictionStore) -> None:
    """A row holds what the record said, whatever was left out."""
    given = record(warnings="FAR_FROM_DATA CROWDED", request_id="r-1", trace_id="0" * 32)
    given |= {"total_bedrooms": None, "ocean_proximity": None, "median_house_value": 0.1 + 0.2}
    assert add(store, given) == 1
    with store.reading() as connection:
        row = dict(connection.execute(select(predictions)).mappings().one())
    assert row == given
    assert tuple(row) == COLUMNS


def test_rows_of_batches_are_kept_as_those_of_single_calls(store: PredictionStore) -> None:
    """In every column, between rows of other calls and one that is there already."""
    batch = [record(number, predicted_at=START, request_id="r-1") for number in range(250)]
    batch[7] |= {"total_bedrooms": None, "warnings": "FAR_FROM_DATA"}
    given = [record(1_000), *batch, *(record(number, latency_seconds=1.0 / number) for number in range(2_000, 2_100))]
    assert add(store, batch[120]) == 1
    assert add(store, *given) == 350
    with store.reading() as connection:
        rows = connection.execute(select(predictions).order_by(predictions.c.prediction_id)).mappings().all()
    assert [dict(row) for row in rows] == sorted(given, key=lambda each: str(each["prediction_id"]))


def test_prediction_without_interval_is_kept(store: PredictionStore) -> None:
    """A model may know none."""
    add(store, record(interval_lower=None, interval_upper=None, interval_upper_open=None))
    with store.reading() as connection:
        row = connection.execute(select(predictions)).mappings().one()
    assert (row["interval_lower"], row["interval_upper"], row["interval_upper_open"]) == (None, None, None)


def test_adding_again_changes_nothing(store: PredictionStore) -> None:
    """What is replayed is counted once, and the rest of the replay is new."""
    assert add(store, record(0), record(1)) == 2
    assert add(store, *(record(number, median_house_value=1.0) for number in range(4))) == 2
    with store.reading() as connection:
        prices = connection.scalars(select(predictions.c.median_house_value).order_by(predictions.c.prediction_id))
        assert list(prices) == [200_000, 200_001, 1, 1]


def test_adding_nothing_writes_nothing(store: PredictionStore) -> None:
    """No records, no transaction."""
    assert add(store) == 0


def test_transaction_is_written_whole_or_not_at_all(store: PredictionStore) -> None:
    """One record that no column takes leaves none of the others behind."""
    with pytest.raises(IntegrityError):
        add(store, record(0), record(1, median_house_value=None))
    assert not ids(store)


def test_probe_and_size_tell_of_a_store_that_works(store: PredictionStore) -> None:
    """A probe writes, and rows are counted."""
    add(store, *(record(number) for number in range(3)))
    store.probe()
    size = store.size()
    assert size.rows == 3
    assert size.size_bytes > 0


def test_the_oldest_go_when_there_are_too_many(store: PredictionStore) -> None:
    """By number, and not one more, though all are of one moment."""
    records = [record(number, predicted_at=START) for number in range(2500)]
    add(store, *records)
    assert store.prune(keep_days=0, keep_rows=10) == 2490
    assert ids(store) == [each["prediction_id"] for each in records[-10:]]
    assert store.prune(keep_days=0, keep_rows=10) == 0


def test_the_oldest_go_when_they_are_too_old(store: PredictionStore) -> None:
    """By age, and whatever is younger stays."""
    now = datetime.now(UTC)
    young, old = record(1, predicted_at=now - timedelta(hours=11)), record(0, predicted_at=now - timedelta(hours=13))
    add(store, young, old)
    assert store.prune(keep_days=0.5, keep_rows=0) == 1
    assert ids(store) == [young["prediction_id"]]


def test_nothing_goes_without_a_limit(store: PredictionStore) -> None:
    """Zero stands for no limit."""
    add(store, record(0, predicted_at=datetime(1971, 1, 1, tzinfo=UTC)))
    assert store.prune(keep_days=0, keep_rows=0) == 0
    assert store.size().rows == 1


def test_migrations_make_the_tables_that_the_code_names(store: PredictionStore) -> None:
    """The scripts and the tables say the same, and running them again changes nothing."""
    with store.writing() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


@pytest.mark.parametrize(
    "loss", ["DROP TABLE outcomes", "DROP TABLE log_state", "DROP TABLE predictions", "DELETE FROM predictions"]
)
def test_store_that_lost_tables_or_rows_gets_what_the_journals_hold(store_url: str, tmp_path: Path, loss: str) -> None:
    """The tables are made again, and a journal is dropped only then."""
    drained, journal = Tally(), Journal(tmp_path / "journal", "worker-0")
    log = structlog.get_logger()
    drainer = Drainer(tmp_path / "journal", lambda: PredictionStore.open(store_url), drained, log, time.perf_counter)
    first, second = (f"01a2153b-0000-7000-8000-00000000000{number}" for number in (1, 2))
    journal.append(answered(first))
    drainer.drain()
    other = PredictionStore.open(store_url)
    with other.writing() as connection:
        cascade = " CASCADE" if connection.dialect.name == "postgresql" and "DROP" in loss else ""
        connection.exec_driver_sql(loss + cascade)
    drainer.probe()
    journal.append(answered(second))
    journal.close()
    drainer.drain()
    assert ids(other) == [first, second]
    assert not journal_files(tmp_path / "journal")
    with other.writing() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert {each[0] for each in differences} <= {"add_fk"}  # which went with the rows that it held
    other.close()


class Tally:
    """An observer that counts nothing."""

    def committed(self, rows: int, seconds: float) -> None:
        """Count nothing."""

    def failed(self, stage: str) -> None:
        """Count nothing."""


def test_opening_again_keeps_what_is_there(store_url: str) -> None:
    """A restart finds its tables and rows."""
    for number in range(2):
        store = PredictionStore.open(store_url)
        add(store, record(number))
        assert store.size().rows == number + 1
        store.close()


def test_eight_processes_start_and_write_at_once(store_url: str) -> None:
    """They find no tables, make them once, and then write without failing on each other's locks."""
    with writers(store_url, processes=8, transactions=50) as running:
        _, errors = running.communicate(timeout=PATIENCE)
    assert (running.returncode, errors) == (0, "")
    store = PredictionStore.open(store_url)
    assert store.size().rows == 8 * 50 * ROWS_OF_A_TRANSACTION
    store.close()


def test_what_was_committed_outlives_a_killed_writer(store_url: str) -> None:
    """`kill -9` in the middle loses no transaction that was reported, and leaves none in part."""
    with writers(store_url, processes=1, transactions=100_000) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(50)]
        os.killpg(running.pid, signal.SIGKILL)
        lines += running.stdout.readlines()
    reported = lines.count("committed\n")
    assert reported >= len(lines) - 1 >= 49
    store = PredictionStore.open(store_url)
    rows = store.size().rows
    store.close()
    assert rows % ROWS_OF_A_TRANSACTION == 0
    assert rows // ROWS_OF_A_TRANSACTION in (reported, reported + 1)


def test_restarted_database_is_used_again(postgres: PostgresServer) -> None:
    """While it is down every method says so; then the same store works again."""
    store = PredictionStore.open(postgres.create_database("restarted"))
    add(store, record(0))
    postgres.stop()
    try:
        for use in (store.probe, store.size, lambda: add(store, record(1))):
            with pytest.raises(PredictionLogUnavailable):
                use()
    finally:
        postgres.start()
    assert add(store, record(0), record(1)) == 1
    store.close()


def test_read_that_takes_too_long_is_cancelled(store: PredictionStore) -> None:
    """The caller is told to ask for less, and the connection works as before."""
    numbers = text(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000000000) "
        "SELECT count(*) FROM numbers"
    )
    with pytest.raises(QueryTooSlow), store.reading(seconds=0.05) as connection:
        connection.execute(numbers)
    assert not ids(store)


def test_store_of_a_newer_release_is_left_alone(store_url: str) -> None:
    """Its tables are not touched, and the reason says what to do."""
    store = PredictionStore.open(store_url)
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(PredictionLogUnavailable) as raised:
        PredictionStore.open(store_url)
    assert "schema 9999" in raised.value.reason
    assert "upgrade the service" in raised.value.reason


def test_store_of_the_first_release_is_brought_up_to_date(store_url: str) -> None:
    """What is on record stays, and gains what was added since."""
    store = PredictionStore.open(store_url)
    add(store, record(0))
    with store.writing() as connection:
        connection.execute(text("DROP INDEX predictions_by_version"))
        for table in reversed(METADATA.sorted_tables):
            if table.name not in {"predictions", "outcomes"}:
                table.drop(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    store.close()
    store = PredictionStore.open(store_url)
    with store.writing() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    assert len(ids(store)) == 1
    store.close()


def test_database_that_does_not_answer_is_named_without_its_password() -> None:
    """The reason is for the operator's log, which is no place for secrets."""
    with pytest.raises(PredictionLogUnavailable) as raised:
        PredictionStore.open("postgresql://clerk:s3cret@127.0.0.1:1/log")
    assert "127.0.0.1:1/log" in raised.value.reason
    assert "refused" in raised.value.reason
    assert "s3cret" not in raised.value.reason


def test_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """A damaged file is a store that does not work, whatever SQLite calls it."""
    path = tmp_path / "predictions.db"
    path.write_text("this is no database" * 1000)
    with pytest.raises(PredictionLogUnavailable) as raised:
        PredictionStore.open(f"sqlite:///{path}")
    assert str(path) in raised.value.reason


def test_folder_in_the_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(PredictionLogUnavailable) as raised:
        PredictionStore.open(f"sqlite:///{tmp_path}")
    assert str(tmp_path) in raised.value.reason
