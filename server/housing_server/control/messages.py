"""The messages between the supervisor and its child processes, encoded as one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from housing_server.access.token_rules import TokenRules
from housing_server.core.peer_addresses import PeerAddresses
from housing_server.prediction_log.modes import LogMode
from housing_server.system.tls import TlsFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureAccess:
    """Part of the configuration of a process that clients call: who may."""

    keys_file: str
    """File of the API keys."""
    usage_dir: str
    """Folder of the counts of calls by key."""
    identities_file: str = ""
    """File of the roles of certificates; empty where callers' certificates count for nothing."""
    forwarded: bool = False
    """Whether an Envoy reports callers' certificates."""
    tokens: TokenRules | None = None
    """Which tokens of an OpenID provider are accepted; None for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureEnvoy:
    """Part of `ConfigureWorker`: the Envoy around a worker."""

    run_dir: str
    """Folder of the files of this run."""
    gateway_host: str
    """Address to listen on for JSON, gRPC-Web and gRPC."""
    gateway_port: int
    """Port to listen on for these, shared with the other workers."""
    gateway_names: Sequence[str] | None
    """Names by which requests may address that port, beside numbers; None for any."""
    grpc_names: Sequence[str] | None
    """Likewise for the port of gRPC."""
    gateway_heap_mb: int
    """Memory limit of Envoy, beside its program."""
    metrics_host: str
    """Host of the side port."""
    metrics_port: int
    """The side port."""
    unresponsive_seconds: float
    """How long a thread of Envoy may hang before the process ends; 0 for no limit."""
    cors_origins: Sequence[str] = ()
    """Origins of web pages that may call."""
    shows_metrics: bool = True
    """Whether metrics can be read on the port of JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureWorker:
    """First message to a worker: how to serve."""

    name: str
    """Its name: `worker-0`, ..."""
    host: str
    """Address to listen on."""
    port: int
    """Port to listen on, shared with the other workers."""
    model_folder: str | None
    """The fetched model to load before listening; None to listen at once and wait for `LoadModel`."""
    drain_seconds: float
    """How long to keep accepting calls after health has turned to NOT_SERVING."""
    grace_seconds: float
    """How long calls may take to finish when the worker stops."""
    max_connection_age_seconds: float
    """Age at which a connection is asked to reconnect, so that load spreads over new workers."""
    max_concurrent_streams: int
    """The most calls in flight on one connection."""
    max_rows_in_flight: int
    """The most block groups in flight."""
    max_queue_seconds: float
    """The longest expected time in the queue."""
    max_run_seconds: float
    """How long one run of the model may take before the worker stops answering pings; 0 for no limit."""
    prediction_log_mode: LogMode
    """When answers are written to the prediction log."""
    prediction_log_url: str
    """Database URL of the prediction log's store."""
    journal_folder: str
    """Folder of the journals."""
    recorder: str
    """gRPC address of the recorder; empty when there is none."""
    explainer: str
    """gRPC address of the explainer; empty when there is none."""
    allow_pyfunc: bool = False
    """Whether it may load models that run code of their own."""
    inside_envoy: ConfigureEnvoy | None = None
    """Configuration of the Envoy around the worker; None without one."""
    access: ConfigureAccess | None = None
    """Who may call; None for anyone."""
    tls: TlsFiles | None = None
    """Certificate and key for callers; None for plaintext."""
    peer_addresses: PeerAddresses = "full"
    """How much of callers' addresses is recorded."""
    canary_folder: str = ""
    """The fetched model to load once it listens, as the canary; empty for none."""
    canary_share: float = 0.0
    """The canary's share of the calls, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureRecorder:
    """First message to the recorder: what to record, and where."""

    address: str
    """gRPC address to listen on."""
    journal_folder: str
    """Folder of the journals."""
    prediction_log_url: str
    """Database URL of the prediction log's store."""
    keep_days: float
    """Age limit of records in days; 0 for no limit."""
    keep_rows: int
    """The most records to keep; 0 for no limit."""
    model_uri: str
    """URI of the registered model whose versions are listed and promoted."""
    state_dir: str
    """Holds the model registry, unless another is configured."""
    direct: bool = False
    """Whether calls come directly from clients, to be counted and logged here."""
    access: ConfigureAccess | None = None
    """Who may call; None for anyone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureExplainer:
    """First message to the explainer: where to listen, and what to explain."""

    address: str
    """gRPC address to listen on."""
    model_folder: str | None
    """The fetched model to explain; None to wait for `LoadModel`."""
    max_queue_seconds: float
    """The longest expected time in the queue."""
    max_run_seconds: float
    """How long one explanation may take before the explainer stops answering pings; 0 for no limit."""
    grace_seconds: float
    """How long calls may take to finish when the explainer stops."""
    direct: bool = False
    """Whether calls come directly from clients, to be counted and logged here."""
    access: ConfigureAccess | None = None
    """Who may call; None for anyone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLog:
    """From the recorder: the state of the prediction log."""

    store_up: bool
    """Whether the last write to the store succeeded."""
    backlog_rows: int
    """Predictions in journals that are not in the store yet; an estimate while the store is down."""
    backlog_bytes: int
    """The same in bytes."""
    problem: str
    """Why the last write failed; empty when it succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRecording:
    """From a worker: whether it can record answers, and so return any."""

    problem: str
    """Why it cannot; empty when it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareModel:
    """To a worker: load this model beside the one it serves, without serving it yet."""

    folder: str
    """The fetched model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardModel:
    """To a worker: drop the prepared model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadModel:
    """To a worker: serve this model, loading it first unless it was prepared. To the explainer: explain it."""

    folder: str
    """The fetched model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCanary:
    """To a worker: let this model answer a share of the calls, loading it first unless it is the canary already."""

    folder: str
    """The fetched model; empty for no canary from now on."""
    share: float
    """Its share of the calls, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryServing:
    """From a worker: the canary answers its share."""

    folder: str
    """The fetched model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryFailed:
    """From a worker: the canary cannot be loaded, or has failed at a call, which the served model has answered."""

    folder: str
    """The fetched model."""
    reason: str
    """The cause, in one line."""
    loaded: bool
    """Whether it had been loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCanaryEnd:
    """To the recorder: put on record that the service has ended a canary."""

    version: str
    """Version of the canary."""
    share: float
    """Its share of the calls until then, from 0 to 1."""
    reason: str
    """Why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStatus:
    """To a worker: the response to GetStatus from now on."""

    status: str
    """A `housing.v1.GetStatusResponse` as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """To a process: finish the calls in flight and exit; a worker reports NOT_SERVING first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """To a process: answer with a `Pong` as soon as the event loop turns, unless work on a thread is stuck.

    `ControlChannel` handles it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """From a process: it is alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """From a worker: the model is prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """From a worker or the explainer: it is listening and has loaded a model."""

    model_version: str
    """Version of the loaded model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFailed:
    """From a worker: the model cannot be served."""

    reason: str
    """The cause, in one line."""


ControlMessage = (
    ConfigureWorker
    | ConfigureRecorder
    | ConfigureExplainer
    | PrepareModel
    | DiscardModel
    | LoadModel
    | SetCanary
    | CanaryServing
    | CanaryFailed
    | RecordCanaryEnd
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


_PARTS: dict[str, type[Any]] = {
    "access": ConfigureAccess,
    "inside_envoy": ConfigureEnvoy,
    "tls": TlsFiles,
    "tokens": TokenRules,
}


def encode(message: ControlMessage) -> bytes:
    """Encode a message as a line."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> ControlMessage:
    """Decode a line made by `encode`."""
    fields = _with_parts(json.loads(line))
    return _KINDS[fields.pop("kind")](**fields)


def _with_parts(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {name: part(**_with_parts(fields[name])) for name, part in _PARTS.items() if fields.get(name)}
