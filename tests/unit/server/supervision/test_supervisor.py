"""The supervisor with fake workers: what it sends them, and what it does with one that does not follow."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf import json_format

from housing.v1.model_service_pb2 import Model
from housing_server.control.messages import (
    CanaryServing,
    ConfigureWorker,
    ControlMessage,
    LoadFailed,
    LoadModel,
    Prepared,
    PrepareModel,
    ReportStatus,
    Serving,
    SetCanary,
)
from housing_server.errors import ModelRejected
from housing_server.model_store.files import DESCRIPTION_FILE
from housing_server.model_store.lookup import WantedCanary
from housing_server.model_store.trials import TrialReport
from housing_server.settings import ServerSettings
from housing_server.supervision.process_configs import ProcessConfigs
from housing_server.supervision.supervisor import Supervisor
from supervision_fakes import FakeProcess, Surroundings


class OneModel:
    """A registered model that never changes."""

    can_change = False
    is_cheap = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def look_up(self) -> str:
        """Return the name of its folder."""
        return self._folder.name

    async def find(self, *, in_background: bool = False) -> Path:
        """Return its folder."""
        assert not in_background
        return self._folder

    async def accepted(self) -> Path | None:
        """Return nothing: it is served for the first time."""
        return None

    async def accept(self, folder: Path) -> None:
        """Forget it again."""

    async def restore(self, folder: Path) -> None:
        """Fetch nothing."""


class OneCanary:
    """A registry whose canary a test sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wanted: WantedCanary | None = None
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        """The reason of each end that was recorded."""

    async def look_up(self) -> WantedCanary | None:
        """Return it."""
        return self.wanted

    async def find(self) -> Path:
        """Return its folder."""
        assert self.wanted is not None
        return self.folder / self.wanted.name

    async def end(self, version: str, reason: str) -> None:
        """Record an end."""
        self.ended.put_nowait(f"{version} {reason}")


class Running:
    """A supervisor of two fake workers."""

    def __init__(self, folder: Path) -> None:
        self.around = Surroundings()
        self.folder = folder
        settings = ServerSettings(
            workers=2,
            transport="grpc",
            state_dir=folder,
            prediction_log_mode="off",
            explainer="off",
            spare_worker="off",
            grace_seconds=0.1,
        )
        configs = ProcessConfigs(settings, 0, folder)
        self.supervisor = Supervisor(settings, configs, self.around.starter, self.around.log)
        self.stopping = asyncio.Event()
        self.canaries = OneCanary(folder)
        self.check_now = asyncio.Event()
        self.task = asyncio.create_task(
            self.supervisor.run(OneModel(self.model("1")), self.stopping, self.check_now, self.canaries)
        )

    def model(self, version: str) -> Path:
        """Make the folder of a version."""
        folder = self.folder / f"{version}-a"
        folder.mkdir(exist_ok=True)
        description = Model(name="homes", version=version)
        (folder / DESCRIPTION_FILE).write_text(json_format.MessageToJson(description), "utf-8")
        return folder

    async def started(self) -> FakeProcess:
        """Wait for the next worker to be started."""
        return await self.around.starter.started.get()

    async def stop(self) -> None:
        """Stop it."""
        self.stopping.set()
        await self.ended()

    async def ended(self) -> None:
        """Wait until it has ended; its workers do so as soon as they are asked to."""
        obeying = [asyncio.create_task(each.obey()) for each in self.around.starter.processes if each.runs]
        await asyncio.wait([self.task])
        for each in obeying:
            each.cancel()


async def until(process: FakeProcess, kind: type[ControlMessage]) -> ControlMessage:
    """Wait for a message of a kind, passing over reports."""
    while not isinstance(message := await process.receive(), kind):
        assert isinstance(message, ReportStatus | ConfigureWorker | LoadModel)
    return message


async def until_model(process: FakeProcess) -> None:
    """Wait until a worker knows which model to serve: from its configuration, or from a message after it."""
    config = await process.receive()
    assert isinstance(config, ConfigureWorker)
    if config.model_folder is None:
        await until(process, LoadModel)


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A supervisor, whose trials pass."""

    async def passes(*_: object, **__: object) -> TrialReport:
        return TrialReport(golden_requests=1, row_seconds=1, current_row_seconds=1)

    monkeypatch.setattr("housing_server.supervision.supervisor.try_model", passes)
    begun = Running(tmp_path)
    yield begun
    await begun.stop()


async def serving(running: Running) -> list[FakeProcess]:
    """Let both workers serve the first model."""
    workers = [await running.started(), await running.started()]
    for worker in workers:
        await until_model(worker)
        worker.send(Serving(model_version="1"))
    while running.supervisor.state.serving < 2:  # noqa: ASYNC110 - the state is no event
        await asyncio.sleep(0)
    return workers


async def test_service_is_ready_once_a_worker_serves(running: Running) -> None:
    """Not before, and not once it drains."""
    assert not running.supervisor.state.ready
    await serving(running)
    assert running.supervisor.state.ready
    await running.stop()
    assert not running.supervisor.state.ready


async def test_model_that_no_worker_can_load_ends_the_start(running: Running) -> None:
    """With its reason."""
    worker = await running.started()
    await until_model(worker)
    worker.send(LoadFailed(reason="no graph"))
    await running.ended()
    with pytest.raises(ModelRejected, match="no graph"):
        running.task.result()


async def test_worker_that_cannot_change_over_is_replaced(running: Running) -> None:
    """One that restarts in that moment, and then fails to load the new model, does not stop the registry's watch."""
    first, second = await serving(running)
    adopting = asyncio.create_task(running.supervisor.adopt(running.model("2"), running.folder / "1-a"))
    for worker in (first, second):
        await until(worker, PrepareModel)
        worker.send(Prepared())
    for worker in (first, second):
        await until(worker, LoadModel)
    first.send(Serving(model_version="2"))
    second.send(LoadFailed(reason="no memory"))
    assert (await adopting).golden_requests == 1
    assert await second.wait() == -9
    follower = await running.started()
    config = await follower.receive()
    assert isinstance(config, ConfigureWorker)
    assert str(config.model_folder).endswith("2-a")


async def test_model_that_a_worker_cannot_prepare_is_refused(running: Running) -> None:
    """All go on with the one before."""
    first, _ = await serving(running)
    adopting = asyncio.create_task(running.supervisor.adopt(running.model("2"), running.folder / "1-a"))
    await until(first, PrepareModel)
    first.send(LoadFailed(reason="no memory"))
    with pytest.raises(ModelRejected, match="no memory"):
        await adopting
    assert running.supervisor.state.model is not None
    assert running.supervisor.state.model.version == "1"


async def test_worker_that_ends_with_a_canary_ends_the_canary(running: Running) -> None:
    """Whatever has ended it, its successor does not load the canary again, nor do the others keep it."""
    running.model("2")
    running.canaries.wanted = WantedCanary("2-a", "0.5")
    first, second = await serving(running)
    for worker in (first, second):
        message = await until(worker, SetCanary)
        assert message == SetCanary(folder=str(running.folder / "2-a"), share=0.5)
        worker.send(CanaryServing(folder=str(running.folder / "2-a")))
    while running.supervisor.state.canary is None:  # noqa: ASYNC110 - the state is no event
        await asyncio.sleep(0)
    first.exit(-11)
    assert await running.canaries.ended.get() == "2 worker: worker-0 ended with exit code -11 while it had the canary"
    assert await until(second, SetCanary) == SetCanary(folder="", share=0.0)
    config = await (await running.started()).receive()
    assert isinstance(config, ConfigureWorker)
    assert config.canary_folder == ""
    assert running.supervisor.state.withdrawals["worker"] == 1
