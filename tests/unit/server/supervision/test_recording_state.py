"""What the supervisor makes of workers that cannot put answers on record."""

from pathlib import Path

import pytest

from housing.v1.status_service_pb2 import (
    SERVICE_STATUS_DEGRADED,
    SERVICE_STATUS_NOT_SERVING,
    SERVICE_STATUS_SERVING,
    ServiceStatus,
)
from housing_server.control.messages import ConfigureRecorder, ReportLog, ReportRecording, Serving
from housing_server.settings import ServerSettings
from housing_server.supervision.process_configs import ProcessConfigs
from housing_server.supervision.recorder import RecorderProcess
from housing_server.supervision.state import ServiceState
from housing_server.supervision.worker import WorkerProcess
from supervision_fakes import Surroundings

WELL = ReportLog(store_up=True, backlog_rows=0, backlog_bytes=0, problem="")


def state(folder: Path, *problems: str) -> ServiceState:
    """Return the state of a service whose workers have each reported a problem, or none, of recording."""
    supervision = Surroundings().supervision
    configs = ProcessConfigs(ServerSettings(state_dir=folder), 1, folder)
    workers = [WorkerProcess(configs.worker(slot), supervision) for slot in range(len(problems))]
    for worker, problem in zip(workers, problems, strict=True):
        worker.on_message(Serving(model_version="1"))
        worker.on_message(ReportRecording(problem=problem))
    config: ConfigureRecorder = configs.recorder()
    recorder = RecorderProcess(config, supervision)
    recorder.on_message(WELL)
    return ServiceState(workers, folder, recorder)


@pytest.mark.parametrize(
    ("problems", "status", "ready"),
    [
        (("", ""), SERVICE_STATUS_SERVING, True),
        (("", "the disk is full"), SERVICE_STATUS_DEGRADED, True),
        (("the disk is full", "the disk is full"), SERVICE_STATUS_NOT_SERVING, False),
    ],
)
def test_service_is_ready_while_a_worker_can_put_answers_on_record(
    tmp_path: Path, problems: tuple[str, ...], status: ServiceStatus.ValueType, *, ready: bool
) -> None:
    """And the report gives the reason why others cannot."""
    service = state(tmp_path, *problems)
    report = service.report()
    assert (report.status, service.ready) == (status, ready)
    assert report.prediction_log.problem == max(problems)


def test_worker_that_has_ended_has_no_problem(tmp_path: Path) -> None:
    """The next one in its slot may be able to write."""
    service = state(tmp_path, "the disk is full")
    (worker,) = service.workers
    worker.on_exit()
    worker.on_message(Serving(model_version="1"))
    assert service.ready
