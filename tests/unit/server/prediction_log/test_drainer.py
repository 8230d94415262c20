"""From journals to a store."""

import shutil
import stat
import threading
import time
from pathlib import Path

import pytest
import structlog

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.drainer import DAMAGED_FILE, Drainer
from housing_server.prediction_log.journal import Journal
from housing_server.prediction_log.journal_files import journal_files
from housing_server.prediction_log.store import PredictionStore
from serving_fakes import answered


class Tally:
    """An observer that adds up."""

    def __init__(self) -> None:
        self.rows = 0
        self.failures: list[str] = []

    def committed(self, rows: int, seconds: float) -> None:
        """Add the rows of a transaction."""
        assert seconds >= 0
        self.rows += rows

    def failed(self, stage: str) -> None:
        """Remember a failure."""
        self.failures.append(stage)


class Bench:
    """A folder of journals, a store, and what takes from the one to the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journal"
        self.path = folder / "predictions.db"
        self.tally = Tally()
        self.down = False
        self.drainer = self.new_drainer()

    def new_drainer(self) -> Drainer:
        """A drainer that has seen nothing yet, as after a restart."""
        return Drainer(self.folder, self.open, self.tally, structlog.get_logger(), time.perf_counter)

    def open(self) -> PredictionStore:
        """Open the store, unless it is down."""
        if self.down:
            raise PredictionLogUnavailable("it is down")
        return PredictionStore.open(f"sqlite:///{self.path}")

    def rows(self) -> int:
        """How many predictions are in the store."""
        return self.open().size().rows


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Journals and a store, both empty."""
    return Bench(tmp_path)


def test_what_several_writers_wrote_is_taken_over_once(bench: Bench) -> None:
    """And again when there is more."""
    writers = [Journal(bench.folder, f"worker-{number}") for number in range(3)]
    for turn in range(2):
        for number, writer in enumerate(writers):
            writer.append(answered(*(f"id-{turn}-{number}-{row}" for row in range(10))))
        bench.drainer.drain()
        bench.drainer.drain()
        assert bench.rows() == bench.tally.rows == 30 * (turn + 1)
    assert bench.drainer.backlog().size_bytes == 0


def test_finished_files_are_removed_and_open_ones_kept(bench: Bench) -> None:
    """Their writer goes on writing to them."""
    gone, writing = Journal(bench.folder, "worker-0"), Journal(bench.folder, "worker-1")
    gone.append(answered("id-1"))
    writing.append(answered("id-2"))
    gone.close()
    bench.drainer.drain()
    assert [path.name.partition(".")[0] for path in journal_files(bench.folder)] == ["worker-1"]


def test_recorder_that_starts_again_counts_nothing_twice(bench: Bench) -> None:
    """It reads what it had read before, and the store knows it already."""
    journal = Journal(bench.folder, "worker-0")
    journal.append(answered("id-1", "id-2"))
    bench.drainer.drain()
    journal.append(answered("id-3"))
    bench.new_drainer().drain()
    assert bench.rows() == bench.tally.rows == 3


def test_what_a_store_that_is_down_does_not_take_waits(bench: Bench) -> None:
    """Nothing is lost, and the backlog tells how much it is."""
    journal = Journal(bench.folder, "worker-0")
    bench.down = True
    for number in range(5):
        journal.append(answered(f"id-{number}"))
        with pytest.raises(PredictionLogUnavailable):
            bench.drainer.drain()
    assert bench.tally.failures == ["store"] * 5
    assert bench.drainer.backlog().size_bytes > 0
    assert bench.drainer.backlog().rows > 0
    bench.down = False
    bench.drainer.drain()
    assert (bench.rows(), bench.drainer.backlog().rows) == (5, 0)


def test_damaged_line_is_set_aside_and_holds_nothing_up(bench: Bench) -> None:
    """The lines before and after it are put on record."""
    journal = Journal(bench.folder, "worker-0")
    journal.append(answered("id-1"))
    (path,) = journal_files(bench.folder)
    with path.open("ab") as file:
        file.write(b'{"ids":["id-2"]}\n')
    journal.append(answered("id-3"))
    bench.drainer.drain()
    assert bench.rows() == 2
    assert (bench.folder / DAMAGED_FILE).read_bytes() == b'{"ids":["id-2"]}\n'
    assert bench.tally.failures == ["journal"]


def test_last_line_of_a_writer_that_was_cut_off_is_set_aside(bench: Bench) -> None:
    """Nobody has heard that answer, but nothing is thrown away."""
    journal = Journal(bench.folder, "worker-0")
    journal.append(answered("id-1"))
    (path,) = journal_files(bench.folder)
    with path.open("ab") as file:
        file.write(b'{"ids":')
    bench.drainer.drain()
    assert bench.tally.failures == []  # it may still be written to its end
    journal.close()
    bench.drainer.drain()
    assert bench.rows() == 1
    assert (bench.folder / DAMAGED_FILE).read_bytes() == b'{"ids":\n'
    assert not list(journal_files(bench.folder))


def test_draining_from_two_threads_takes_every_line_once(bench: Bench) -> None:
    """As when the recorder is told to stop while a thread of it drains."""
    journal = Journal(bench.folder, "worker-0", max_file_bytes=20_000)
    stopping = threading.Event()

    def drain() -> None:
        while not stopping.is_set():
            bench.drainer.drain()

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(500):
        journal.append(answered(f"id-{number}"))
    journal.close()
    stopping.set()
    for thread in threads:
        thread.join()
    bench.drainer.drain()
    assert bench.rows() == bench.tally.rows == 500
    assert bench.tally.failures == []
    assert not list(journal_files(bench.folder))


def lose(bench: Bench, fate: str) -> None:
    """Delete the store's file while it is open."""
    path, elsewhere = bench.path, bench.path.with_name("elsewhere.db")
    match fate:
        case "deleted":
            path.unlink()
        case "deleted with its companions":
            for each in path.parent.glob("predictions.db*"):
                each.unlink()
        case "moved":
            path.rename(elsewhere)
        case "replaced by an empty one":
            path.rename(elsewhere)
            path.touch()
        case "replaced by a copy":
            PredictionStore.open(f"sqlite:///{elsewhere}").close()
            elsewhere.rename(path)


@pytest.mark.parametrize(
    "fate",
    ["deleted", "deleted with its companions", "moved", "replaced by an empty one", "replaced by a copy"],
)
def test_store_that_was_replaced_gets_all_that_journals_hold(bench: Bench, fate: str) -> None:
    """Nothing is dropped for the sake of rows in a file that nobody else will open."""
    journal = Journal(bench.folder, "worker-0")
    journal.append(answered("id-1"))
    bench.drainer.drain()
    lose(bench, fate)
    journal.append(answered("id-2"))
    journal.close()
    bench.drainer.drain()
    assert bench.rows() == 2
    assert not journal_files(bench.folder)


def test_store_that_was_moved_is_whole_where_it_is(bench: Bench) -> None:
    """What was put on record before it was moved is in the file, and not in a companion left behind."""
    Journal(bench.folder, "worker-0").append(answered("id-1"))
    bench.drainer.drain()
    lose(bench, "moved")
    bench.drainer.probe()
    moved = PredictionStore.open(f"sqlite:///{bench.path.with_name('elsewhere.db')}")
    assert moved.size().rows == 1
    moved.close()


def test_journal_waits_while_a_folder_is_in_the_place_of_the_store(bench: Bench) -> None:
    """The reason names the path, and all is taken over once it is gone."""
    journal = Journal(bench.folder, "worker-0")
    journal.append(answered("id-1"))
    bench.drainer.drain()
    lose(bench, "deleted with its companions")
    bench.path.mkdir()
    journal.append(answered("id-2"))
    journal.close()
    for _ in range(2):
        with pytest.raises(PredictionLogUnavailable) as refusal:
            bench.drainer.drain()
        assert str(bench.path) in refusal.value.reason
    bench.path.rmdir()
    bench.drainer.drain()
    assert bench.rows() == 2


@pytest.mark.parametrize("table", ["predictions", "outcomes", "log_state"])
def test_table_that_was_dropped_is_made_again(bench: Bench, table: str) -> None:
    """With what the journals still hold, and the store works as before."""
    Journal(bench.folder, "worker-0").append(answered("id-1"))
    bench.drainer.drain()
    with bench.open().writing() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    bench.drainer.probe()
    bench.drainer.drain()
    assert bench.rows() == 1


def test_pruned_rows_are_not_taken_for_lost(bench: Bench) -> None:
    """A journal whose answers have been pruned is dropped like any other."""
    journal = Journal(bench.folder, "worker-0")
    journal.append(answered("id-1"))
    bench.drainer.drain()
    bench.open().prune(keep_days=1, keep_rows=0)
    journal.close()
    bench.drainer.drain()
    assert (bench.rows(), bench.tally.failures) == (0, [])
    assert not journal_files(bench.folder)


def test_folder_that_was_deleted_takes_nothing_along(bench: Bench) -> None:
    """What was written before is read from the deleted file, what comes later from a new one."""
    journal = Journal(bench.folder, "worker-0")
    journal.append(answered("id-1"))
    bench.drainer.drain()
    bench.down = True
    journal.append(answered("id-2"))
    shutil.rmtree(bench.folder)
    journal.append(answered("id-3"))
    bench.down = False
    bench.drainer.drain()
    assert bench.rows() == 3


def test_folder_that_cannot_be_read_is_named(bench: Bench) -> None:
    """And is read again once it can be."""
    bench.folder.write_text("no folder")
    with pytest.raises(PredictionLogUnavailable) as refusal:
        bench.drainer.drain()
    assert str(bench.folder) in refusal.value.reason
    assert bench.drainer.backlog().size_bytes == 0
    bench.folder.unlink()
    bench.drainer.drain()


def test_store_is_private(bench: Bench) -> None:
    """What people asked is nobody else's business; a file of an earlier version is closed to others too."""
    bench.open().close()
    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o600
    bench.path.chmod(0o644)
    store = bench.open()
    store.probe()
    assert {stat.S_IMODE(each.stat().st_mode) for each in bench.path.parent.glob("predictions.db*")} == {0o640}
    store.close()
