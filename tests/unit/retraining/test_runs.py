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
    """Runs briefly, or dies as if killed."""

    def __init__(self, store: PredictionStore, *, dies: bool = False) -> None:  # pylint: disable=super-init-not-called
        self._records, self._dies = RetrainingRecords(store), dies
        self.seen: list[str] = []

    def run(self, retraining: Retraining) -> "str":  # type: ignore[override]
        """Begin, and end as configured."""
        self.seen.append(retraining.reason)
        self._records.begin(retraining.retraining_id)
        self._records.enter(retraining.retraining_id, "train")
        if self._dies:
            raise KeyboardInterrupt
        self._records.finish(retraining.retraining_id, "refused", "a fake")
        return "refused"


class Registry:
    """An empty registry."""

    def named(self, alias: str) -> RegisteredVersion | None:  # noqa: ARG002
        """Return None."""
        return None

    def point(self, alias: str, version: str) -> None:
        """Do nothing."""

    def log_json(self, run_id: str, content: dict[str, object], path: str) -> None:
        """Do nothing."""

    def log_text(self, run_id: str, content: str, path: str) -> None:
        """Do nothing."""


def queue(settings: RetrainingSettings, store: PredictionStore, run: RetrainingRun, holder: str) -> RetrainingQueue:
    """Return the queue of a process."""
    lease = Lease(store, holder, seconds=60, is_gone=lambda each: each == "dead")
    return RetrainingQueue(settings, RetrainingRecords(store), lease, lambda: run)


def request(store: PredictionStore, reason: str) -> Retraining:
    """Ask for a retraining."""
    return RetrainingRecords(store).request("manual", reason=reason, requested_by="a test")


def test_waiting_retrainings_run_in_order(settings: RetrainingSettings, store: PredictionStore) -> None:
    """The lease is free afterwards."""
    for reason in ("first", "second"):
        request(store, reason)
    run = Run(store)
    assert queue(settings, store, run, "one").work_off()
    assert run.seen == ["first", "second"]
    assert Lease(store, "other", seconds=60).acquire()


def test_only_one_process_retrains_at_a_time(settings: RetrainingSettings, store: PredictionStore) -> None:
    """A process without the lease changes nothing."""
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


def test_crashed_retraining_is_resumed_by_the_next_process(
    settings: RetrainingSettings, store: PredictionStore
) -> None:
    """It uses the same work directory; later requests wait."""
    crashed = crash(settings, store, "crashed")
    request(store, "later")
    (settings.folder / "work" / crashed.retraining_id).mkdir(parents=True)
    run = Run(store)
    assert queue(settings, store, run, "next").work_off()
    assert run.seen == ["crashed", "later"]


def test_crashed_retraining_without_work_directory_has_failed(
    settings: RetrainingSettings, store: PredictionStore
) -> None:
    """The record names the stage where it ended."""
    crashed = crash(settings, store, "elsewhere")
    assert queue(settings, store, Run(store), "next").work_off()
    found = RetrainingRecords(store).get(crashed.retraining_id)
    assert found is not None
    assert found.verdict == "failed"
    assert found.verdict_reason == "its process ended during 'train', and its work directory is not here"


def test_retraining_that_keeps_crashing_has_failed(settings: RetrainingSettings, store: PredictionStore) -> None:
    """After the allowed number of attempts."""
    crashed = crash(settings, store, "poison")
    (settings.folder / "work" / crashed.retraining_id).mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        queue(settings, store, Run(store, dies=True), "dead").work_off()
    assert queue(settings, store, Run(store), "next").work_off()
    found = RetrainingRecords(store).get(crashed.retraining_id)
    assert found is not None
    assert found.verdict_reason == "its process ended during 'train', in attempt 2 of 2"


def test_error_becomes_a_failed_verdict(
    settings: RetrainingSettings, store: PredictionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason in one line, such as parameters that cannot be read."""
    monkeypatch.chdir(tmp_path)
    asked = request(store, "nowhere")
    run = RetrainingRun(settings, store, Registry(), (), tracking_uri="sqlite:///none.db", echo=lambda _: None)
    assert run.run(asked) == "failed"
    (found,) = RetrainingRecords(store).newest(1)
    assert str(found.verdict_reason).startswith("training/params.yaml cannot be read")


def test_process_that_lost_the_lease_records_nothing(
    settings: RetrainingSettings, store: PredictionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may have resumed the retraining."""
    monkeypatch.chdir(tmp_path)
    asked = request(store, "lost")
    run = RetrainingRun(settings, store, Registry(), (), tracking_uri="sqlite:///none.db", echo=lambda _: None)
    run.stop()
    with pytest.raises(LeaseLost):
        run.run(asked)
    assert RetrainingRecords(store).newest(1)[0].verdict is None


class RenewedLease:
    """Returns prepared answers to renewals."""

    def __init__(self, *answers: bool | Exception) -> None:
        self._answers = list(answers)

    def renew(self) -> bool:
        """Return or raise the next answer."""
        answer = self._answers.pop(0) if self._answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("answers", [(True, True, False), (PredictionLogUnavailable("down"),) * 1_000])
def test_lost_lease_stops_the_retraining(answers: tuple[bool | Exception, ...]) -> None:
    """Whether another process holds it, or the store has not responded for its whole duration."""
    lost = threading.Event()
    with Heartbeat(RenewedLease(*answers), seconds=0.03, on_lost=lost.set) as heartbeat:
        assert lost.wait(PATIENCE)
    assert heartbeat.lost


def test_work_directory_contains_all_dependencies(tmp_path: Path) -> None:
    """Of all stages, with its own data and alias; the repository is unchanged."""
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


def test_missing_pipeline_is_an_error(tmp_path: Path) -> None:
    """The error says where to run the command."""
    with pytest.raises(NoPipeline, match="in the root of the repository"):
        make_work_directory(tmp_path, tmp_path / "work", data_sha256="", alias="")


def test_registry_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline runs in another working directory."""
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///var/mlflow.db") == f"sqlite:///{tmp_path}/var/mlflow.db"
    assert absolute(f"sqlite:///{tmp_path}/mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert absolute("http://mlflow:5000") == "http://mlflow:5000"


def test_old_work_directories_are_removed(tmp_path: Path) -> None:
    """The newest are kept; their names begin with a time."""
    for name in "abcd":
        (tmp_path / name).mkdir()
    remove_old(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "d"]
    remove_old(tmp_path / "none", 2)


def pipeline_of(folder: Path, program: str) -> None:
    """Write a pipeline with one stage, which runs a Python program."""
    command = f'python -c "{program}"'
    (folder / "training").mkdir()
    (folder / "training/dvc.yaml").write_text(yaml.safe_dump({"stages": {"fetch": {"cmd": command}}}))
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs processes when it is idle")
@pytest.mark.parametrize("when_idle", [False, True])
def test_stages_run_when_processors_are_idle(tmp_path: Path, *, when_idle: bool) -> None:
    """Processes that DVC starts inherit the policy."""
    pipeline_of(tmp_path, "import os; print('policy', os.sched_getscheduler(0), flush=True)")
    lines: list[str] = []
    PipelineProcess(tmp_path, {}, when_idle=when_idle).run(lambda _: None, lines.append)
    assert f"policy {os.SCHED_IDLE if when_idle else os.SCHED_OTHER}\n" in lines


def test_failed_stage_reports_its_own_error(tmp_path: Path) -> None:
    """The reason is the stage's, not DVC's."""
    pipeline_of(tmp_path, "import sys; print('Error: own.csv: no such file', flush=True); sys.exit(1)")
    stages: list[str] = []
    with pytest.raises(PipelineFailed, match=r"\AError: own.csv: no such file\Z"):
        PipelineProcess(tmp_path, {}).run(stages.append, lambda _: None)
    assert stages == ["fetch"]
