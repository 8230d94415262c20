"""The explainer: a process that explains prices, which takes a hundred times as long as predicting them.

Started by the supervisor through `housing_server.processes.launch`, with its end of the control socket as argument. It
loads the served model once more, so that explanations delay no prediction.
"""

import asyncio
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import structlog
from prometheus_client import CollectorRegistry

from housing_server.control.channel import ControlChannel
from housing_server.control.messages import ConfigureExplainer, LoadModel, Serving
from housing_server.core.admission import Admission
from housing_server.core.run_clock import RunClock
from housing_server.errors import ExplanationNotAvailable, ModelRejected
from housing_server.explanation.core import ExplanationCore
from housing_server.explanation.endpoints import explanation_endpoints
from housing_server.explanation.model import ExplainedModel
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.server import local_server
from housing_server.model_store.files import read_description
from housing_server.observability.log_metrics import count_dropped_lines
from housing_server.observability.logs import LineBuffer, configure_logging
from housing_server.observability.metrics import WorkerMetrics
from housing_server.observability.metrics_files import count_as
from housing_server.processes.helper_calls import helper_calls

_MAX_CALLS = 1000
"""More than ever queue; the expected queueing time bounds calls before."""


class Explainer:
    """A gRPC server and the model it explains; it listens once the first model is loaded."""

    def __init__(
        self,
        config: ConfigureExplainer,
        control: ControlChannel,
        log: structlog.typing.FilteringBoundLogger,
        lines: LineBuffer,
    ) -> None:
        self._config = config
        self._control = control
        self._log = log
        metrics = WorkerMetrics(CollectorRegistry())
        self._calls = helper_calls("explainer", metrics, lines, log, config)
        admission = Admission(metrics, max_rows=_MAX_CALLS, max_queue_seconds=config.max_queue_seconds)
        clock = RunClock(config.max_run_seconds)
        control.alive = lambda: not clock.stuck
        self._core = ExplanationCore(metrics, admission, ThreadPoolExecutor(1), clock)
        self._server: grpc.aio.Server | None = None

    async def load(self, folder: str) -> None:
        """Explain a fetched model from now on, or refuse explanations with the reason."""
        try:
            model, problem = await asyncio.to_thread(ExplainedModel.load, Path(folder)), None
        except ExplanationNotAvailable as error:
            model, problem = None, str(error)
        except ModelRejected as error:
            self._log.error("the model cannot be explained", reason=str(error))
            model, problem = None, "the served version cannot be explained; the service's log says why"
        self._core.model, self._core.problem = model, problem
        await self._listen()
        self._control.send(Serving(model_version=read_description(Path(folder)).version))

    async def stop(self) -> None:
        """Finish the calls in flight, and accept no more."""
        if self._server is not None:
            await self._server.stop(self._config.grace_seconds)

    async def _listen(self) -> None:
        if self._server is None:
            handlers = Handlers(self._calls)
            handlers.mount(explanation_endpoints(self._core.explain), self._calls)
            self._server = local_server(handlers)
            self._server.add_insecure_port(self._config.address)
            await self._server.start()


async def explain(control_end: socket.socket) -> None:
    """Run the explainer under the supervisor's control, until the supervisor stops it or exits."""
    control = await ControlChannel.open(control_end)
    config = await control.receive()
    if not isinstance(config, ConfigureExplainer):
        return
    count_as("explainer")
    lines = LineBuffer(sys.stdout.buffer, "explainer")
    count_dropped_lines(lines, "explainer", CollectorRegistry())
    explainer = Explainer(config, control, configure_logging("explainer", lines), lines)
    if config.model_folder is not None:
        await explainer.load(config.model_folder)
    async for message in control:
        if not isinstance(message, LoadModel):
            break
        await explainer.load(message.folder)
    await explainer.stop()


if __name__ == "__main__":
    asyncio.run(explain(socket.socket(fileno=int(sys.argv[1]))))
