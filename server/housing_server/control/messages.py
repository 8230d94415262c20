"""The messages between the supervisor and its processes, and how one is encoded: a JSON object on a line of its own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import get_args

from housing_server.prediction_log.modes import LogMode


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureWorker:
    """To a worker, first of all: how to serve."""

    name: str
    """What it is called: `worker-0`, ..."""
    host: str
    """Address to listen on."""
    port: int
    """Port to listen on, shared with the other workers."""
    model_folder: str | None
    """The fetched model to load before listening; None to listen at once and wait for `LoadModel`."""
    drain_seconds: float
    """How long to go on accepting calls after health has gone down."""
    grace_seconds: float
    """How long calls may take to finish when the worker stops."""
    max_connection_age_seconds: float
    """After how long a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls that a connection may have under way."""
    max_rows_in_flight: int
    """The most block groups that may be under way."""
    max_queue_seconds: float
    """The longest that the work under way may be expected to take."""
    max_run_seconds: float
    """How long one run of the model may take before the worker gives no more sign of life; 0 for ever."""
    prediction_log_mode: LogMode
    """How answers go on record."""
    prediction_log_url: str
    """The store that they end in."""
    journal_folder: str
    """Where answers are written before they are given."""
    recorder: str
    """gRPC address of the recorder; empty when there is none."""
    explainer: str
    """gRPC address of the explainer; empty when there is none."""
    allow_pyfunc: bool = False
    """Whether it may load models that run code of their own."""
    run_dir: str = ""
    """Holds the files of this run; of use to a worker inside Envoy alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureRecorder:
    """To the recorder, first of all: what to record, and where."""

    address: str
    """gRPC address to listen on."""
    journal_folder: str
    """Where workers write answers."""
    prediction_log_url: str
    """The store that they end in."""
    keep_days: float
    """How old a record may get, in days; 0 for any age."""
    keep_rows: int
    """How many records may be kept; 0 for any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureExplainer:
    """To the explainer, first of all: where to answer, and what."""

    address: str
    """gRPC address to listen on."""
    model_folder: str | None
    """The fetched model to explain; None to wait for `LoadModel`."""
    max_queue_seconds: float
    """The longest that the work under way may be expected to take."""
    max_run_seconds: float
    """How long one explanation may take before the explainer gives no more sign of life; 0 for ever."""
    grace_seconds: float
    """How long calls may take to finish when the explainer stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLog:
    """From the recorder: how the prediction log is."""

    store_up: bool
    """Whether the store took the last write."""
    backlog_rows: int
    """Predictions in journals, not in the store; about, when the store is down."""
    backlog_bytes: int
    """The same in bytes."""
    problem: str
    """Why the store did not take the last write; empty when it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRecording:
    """From a worker: whether it can put answers on record, and so give any."""

    problem: str
    """Why it cannot; empty when it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareModel:
    """To a worker: load this model beside the one it serves, and keep it at hand."""

    folder: str
    """The fetched model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardModel:
    """To a worker: forget the model kept at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel:
    """To a worker: serve this model, which is at hand or else is loaded first. To the explainer: explain it."""

    folder: str
    """The fetched model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStatus:
    """To a worker: what to answer GetStatus with."""

    status: str
    """A `housing.v1.GetStatusResponse` as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """To a process: finish what is under way, and exit; a worker takes its health down first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """To a process: answer with a `Pong` as soon as the event loop turns, unless work on a thread is stuck.

    `ControlChannel` does so by itself.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """From a process: it is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """From a worker: the model is at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """From a worker or the explainer: it listens and has a model loaded."""

    model_version: str
    """Version of the loaded model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFailed:
    """From a worker: the model cannot be served."""

    reason: str
    """Why, in one line."""


ControlMessage = (
    ConfigureWorker
    | ConfigureRecorder
    | ConfigureExplainer
    | PrepareModel
    | DiscardModel
    | LoadModel
    | ReportStatus
    | Drain
    | Ping
    | Pong
    | Prepared
    | Serving
    | LoadFailed
    | ReportLog
    | ReportRecording
)

_KINDS: dict[str, type[ControlMessage]] = {kind.__name__: kind for kind in get_args(ControlMessage)}


def encode(message: ControlMessage) -> bytes:
    """Encode a message as a line."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> ControlMessage:
    """Decode a line that `encode` has made."""
    fields = json.loads(line)
    return _KINDS[fields.pop("kind")](**fields)
