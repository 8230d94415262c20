"""Retrainings one at a time: the queue, the lease, the pipeline in its directory."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from housing_retraining.errors import LeaseLost, NoPipeline, PipelineFailed
from housing_retraining.registry import RegisteredVersion, absolute
from housing_retraining.runs.heartbeat import Heartbeat
from housing_retraining.runs.pipeline import PipelineProcess
from housing_retraining.runs.queue import RetrainingQueue
from housing_retraining.runs.retraining import RetrainingRun
from housing_retraining.runs.work_directory import make_work_directory, remove_old
from housing_retraining.settings import RetrainingSettings
from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.retraining_lease import Lease
from housing_server.prediction_log.retrainings import Retraining, RetrainingRecords
from housing_server.prediction_log.store import PredictionStore
from running import PATIENCE, ROOT


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> RetrainingSettings:
    """Settings of a state folder of its own."""
    return RetrainingSettings(state_dir=tmp_path / "var")


class Run(RetrainingRun):
    """Takes a moment, or dies as if killed."""

    def __init__(self, store: PredictionStore, *, dies: bool = False) -> None:  # pylint: disable=super-init-not-called
        self._records, self._dies = RetrainingRecords(store), dies
        self.seen: list[str] = []

    def run(self, retraining: Retraining) -> "str":  # type: ignore[override]
        """Begin, and end as it shall."""
        self.seen.append(retraining.reason)
        self._records.begin(retraining.retraining_id)
        self._records.enter(retraining.retraining_id, "train")
        if self._dies:
            raise KeyboardInterrupt
        self._records.finish(retraining.retraining_id, "refused", "a fake")
        return "refused"


class Registry:
    """A registry that is there, with nothing in it."""

    def named(self, alias: str) -> RegisteredVersion | None:  # noqa: ARG002
        """Know no version."""
        return None

    def point(self, alias: str, version: str) -> None:
        """Move nothing."""

    def log_json(self, run_id: str, content: dict[str, object], path: str) -> None:
        """Keep nothing."""

    def log_text(self, run_id: str, content: str, path: str) -> None:
        """Keep nothing."""


def queue(settings: RetrainingSettings, store: PredictionStore, run: RetrainingRun, holder: str) -> RetrainingQueue:
    """Make a queue of a process."""
    lease = Lease(store, holder, seconds=60, is_gone=lambda each: each == "dead")
    return RetrainingQueue(settings, RetrainingRecords(store), lease, lambda: run)


def request(store: PredictionStore, reason: str) -> Retraining:
    """Ask for a retraining."""
    return RetrainingRecords(store).request("manual", reason=reason, requested_by="a test")


def test_all_that_waits_is_carried_out_in_order(settings: RetrainingSettings, store: PredictionStore) -> None:
    """And the lease is free afterwards."""
    for reason in ("first", "second"):
        request(store, reason)
    run = Run(store)
    assert queue(settings, store, run, "one").work_off()
    assert run.seen == ["first", "second"]
    assert Lease(store, "other", seconds=60).acquire()


def test_two_processes_do_not_retrain_at_once(settings: RetrainingSettings, store: PredictionStore) -> None:
    """Who does not get the lease leaves all as it is."""
    request(store, "first")
    assert Lease(store, "other", seconds=60).acquire()
    run = Run(store)
    assert not queue(settings, store, run, "one").work_off()
    assert not run.seen


def crash(settings: RetrainingSettings, store: PredictionStore, reason: str) -> Retraining:
    """Simulate a process that dies in the middle of a retraining and keeps the lease."""
    asked = request(store, reason)
    with pytest.raises(KeyboardInterrupt):
        queue(settings, store, Run(store, dies=True), "dead").work_off()
    assert Lease(store, "dead", seconds=60).acquire()
    return asked


def test_after_a_crash_the_next_process_goes_on(settings: RetrainingSettings, store: PredictionStore) -> None:
    """It finds the work directory, and what came later waits its turn."""
    crashed = crash(settings, store, "crashed")
    request(store, "later")
    (settings.folder / "work" / crashed.retraining_id).mkdir(parents=True)
    run = Run(store)
    assert queue(settings, store, run, "next").work_off()
    assert run.seen == ["crashed", "later"]


def test_a_crash_without_its_files_is_a_failure(settings: RetrainingSettings, store: PredictionStore) -> None:
    """The record says where it ended, and nothing is "running" for ever."""
    crashed = crash(settings, store, "elsewhere")
    assert queue(settings, store, Run(store), "next").work_off()
    found = RetrainingRecords(store).get(crashed.retraining_id)
    assert found is not None
    assert found.verdict == "failed"
    assert found.verdict_reason == "its process ended during 'train', and its work directory is not here"


def test_a_retraining_that_always_crashes_is_given_up(settings: RetrainingSettings, store: PredictionStore) -> None:
    """After as many attempts as are allowed."""
    crashed = crash(settings, store, "poison")
    (settings.folder / "work" / crashed.retraining_id).mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        queue(settings, store, Run(store, dies=True), "dead").work_off()
    assert queue(settings, store, Run(store), "next").work_off()
    found = RetrainingRecords(store).get(crashed.retraining_id)
    assert found is not None
    assert found.verdict_reason == "its process ended during 'train', in attempt 2 of 2"


def test_what_goes_wrong_is_a_verdict(
    settings: RetrainingSettings, store: PredictionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retraining that cannot read its parameters has failed, and says why in a line."""
    monkeypatch.chdir(tmp_path)
    asked = request(store, "nowhere")
    run = RetrainingRun(settings, store, Registry(), (), tracking_uri="sqlite:///none.db", echo=lambda _: None)
    assert run.run(asked) == "failed"
    (found,) = RetrainingRecords(store).newest(1)
    assert str(found.verdict_reason).startswith("training/params.yaml cannot be read")


def test_who_has_lost_the_lease_puts_nothing_more_on_record(
    settings: RetrainingSettings, store: PredictionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may be at it."""
    monkeypatch.chdir(tmp_path)
    asked = request(store, "lost")
    run = RetrainingRun(settings, store, Registry(), (), tracking_uri="sqlite:///none.db", echo=lambda _: None)
    run.stop()
    with pytest.raises(LeaseLost):
        run.run(asked)
    assert RetrainingRecords(store).newest(1)[0].verdict is None


class RenewedLease:
    """Answers renewals one after the other."""

    def __init__(self, *answers: bool | Exception) -> None:
        self._answers = list(answers)

    def renew(self) -> bool:
        """Answer as the next one says."""
        answer = self._answers.pop(0) if self._answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("answers", [(True, True, False), (PredictionLogUnavailable("down"),) * 1_000])
def test_a_lost_lease_ends_what_is_under_way(answers: tuple[bool | Exception, ...]) -> None:
    """Be it that another process has it, or that the store does not respond for as long as it is held."""
    lost = threading.Event()
    with Heartbeat(RenewedLease(*answers), seconds=0.03, on_lost=lost.set) as heartbeat:
        assert lost.wait(PATIENCE)
    assert heartbeat.lost


def test_a_work_directory_holds_all_that_the_pipeline_reads(tmp_path: Path) -> None:
    """Its stages' dependencies, other data, another alias; the repository is left alone."""
    make_work_directory(ROOT, tmp_path, data_sha256="0" * 64, alias="challenger")
    params = yaml.safe_load((tmp_path / "training/params.yaml").read_text())
    assert params["fetch"] == {"source": "data/version.csv", "sha256": "0" * 64}
    assert params["register"]["alias"] == "challenger"
    original = yaml.safe_load((ROOT / "training/params.yaml").read_text())
    assert params["train"] == original["train"]
    for pipeline in ("data/dvc.yaml", "training/dvc.yaml"):
        for stage in yaml.safe_load((ROOT / pipeline).read_text())["stages"].values():
            for path in stage["deps"]:
                made = path.startswith(("data/raw", "data/processed", "training/models", "training/reports"))
                assert (tmp_path / path).exists() != made, path


def test_without_a_pipeline_there_is_nothing_to_run(tmp_path: Path) -> None:
    """The error says where to go."""
    with pytest.raises(NoPipeline, match="in the root of the repository"):
        make_work_directory(tmp_path, tmp_path / "work", data_sha256="", alias="")


def test_a_registry_in_a_file_is_the_same_one_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline runs in another directory than the one from which the address was given."""
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///var/mlflow.db") == f"sqlite:///{tmp_path}/var/mlflow.db"
    assert absolute(f"sqlite:///{tmp_path}/mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert absolute("http://mlflow:5000") == "http://mlflow:5000"


def test_old_work_directories_go(tmp_path: Path) -> None:
    """The newest stay; their names begin with a time."""
    for name in "abcd":
        (tmp_path / name).mkdir()
    remove_old(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "d"]
    remove_old(tmp_path / "none", 2)


def pipeline_of(folder: Path, program: str) -> None:
    """Write a pipeline of one stage, which runs a program in Python."""
    command = f'python -c "{program}"'
    (folder / "training").mkdir()
    (folder / "training/dvc.yaml").write_text(yaml.safe_dump({"stages": {"fetch": {"cmd": command}}}))
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs processes when it is idle")
@pytest.mark.parametrize("when_idle", [False, True])
def test_stages_run_when_processors_are_idle(tmp_path: Path, *, when_idle: bool) -> None:
    """What DVC starts has the policy, too."""
    pipeline_of(tmp_path, "import os; print('policy', os.sched_getscheduler(0), flush=True)")
    lines: list[str] = []
    PipelineProcess(tmp_path, {}, when_idle=when_idle).run(lambda _: None, lines.append)
    assert f"policy {os.SCHED_IDLE if when_idle else os.SCHED_OTHER}\n" in lines


def test_a_stage_that_fails_says_why(tmp_path: Path) -> None:
    """The reason is the stage's own, and not that of what ran it."""
    pipeline_of(tmp_path, "import sys; print('Error: own.csv: no such file', flush=True); sys.exit(1)")
    stages: list[str] = []
    with pytest.raises(PipelineFailed, match=r"\AError: own.csv: no such file\Z"):
        PipelineProcess(tmp_path, {}).run(stages.append, lambda _: None)
    assert stages == ["fetch"]
