"""Settings, from the environment: read once at the entry point and passed down."""

import os
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from housing_server.errors import InvalidSettings
from housing_server.limits import GATEWAY_PORT, GRPC_PORT, MAX_STREAMS, METRICS_PORT
from housing_server.prediction_log.modes import LogMode

Settings = TypeVar("Settings", bound=BaseSettings)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _default_log(state_dir: Path) -> str:
    return f"sqlite:///{state_dir.absolute() / 'predictions.db'}"


class ServerSettings(BaseSettings):
    """How `housing serve` runs: each field is the variable `HOUSING_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="HOUSING_", protected_namespaces=(), frozen=True)

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 in containers."""
    grpc_port: int = Field(default=GRPC_PORT, ge=0, le=65535)
    """Port of the gRPC services; 0 takes a free one."""
    metrics_port: int = Field(default=METRICS_PORT, ge=0, le=65535)
    """Port of metrics, probes and the page; 0 takes a free one."""
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    """Processes that answer calls; by default one for each processor."""
    model_uri: str = "models:/california-housing@champion"
    """The model to serve: `models:/NAME@ALIAS` or `models:/NAME/VERSION`."""
    state_dir: Path = Path("var")
    """Where fetched models are kept, and the registry when no other is named."""
    model_poll_seconds: float = Field(default=15, ge=0)
    """How often the registry is asked whether the alias has moved; 0 for never, but when SIGHUP asks for it."""
    swap_max_latency_ratio: float = Field(default=10, ge=0)
    """How many times as long as the old model a new one may take for a row; 0 for any."""
    drain_seconds: float = Field(default=0.5, ge=0)
    """How long calls are still accepted after health has gone down; give load balancers time to notice."""
    grace_seconds: float = Field(default=30, gt=0)
    """How long calls in flight may take to finish when the server stops."""
    max_connection_age_seconds: float = Field(default=300, gt=0)
    """After how long a connection is asked to reconnect, so that load spreads over restarted workers."""
    max_concurrent_streams: int = Field(default=MAX_STREAMS, ge=1)
    """The most calls that one connection may have under way; more wait with their caller."""
    max_rows_in_flight: int = Field(default=30_000, ge=1)
    """The most block groups that a worker may have under way; calls beyond are refused with RESOURCE_EXHAUSTED."""
    max_queue_seconds: float = Field(default=1.0, gt=0)
    """The longest that a call may be expected to wait for others; calls beyond are refused likewise."""
    prediction_log: str = Field(default_factory=lambda known: _default_log(known["state_dir"]))
    """Where every answer goes on record: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/DATABASE`."""
    prediction_log_mode: LogMode = "lenient"
    """`lenient` answers while the store is down and hands over later, `strict` refuses, `off` keeps no record."""
    prediction_log_keep_days: float = Field(default=0, ge=0)
    """How old a record may get, in days; 0 for any age."""
    prediction_log_keep_rows: int = Field(default=0, ge=0)
    """How many records may be kept; 0 for any number."""
    allow_pyfunc: bool = False
    """Whether models are served that are no graphs: loading one runs code of its maker's; see docs/models.md."""
    explainer: Literal["on", "off"] = "on"
    """Whether prices are explained, by a process of its own; needs XGBoost."""


class GatewaySettings(BaseSettings):
    """How `housing gateway` runs: each field is the variable `HOUSING_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="HOUSING_", frozen=True)

    gateway_host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 in containers."""
    gateway_port: int = Field(default=GATEWAY_PORT, ge=0, le=65535)
    """Port of the JSON routes, gRPC and gRPC-Web; 0 takes a free one."""
    grpc_host: str = "127.0.0.1"
    """Host of the gRPC services."""
    grpc_port: int = Field(default=GRPC_PORT, gt=0, le=65535)
    """Port of the gRPC services."""
    metrics_host: str = "127.0.0.1"
    """Host of metrics and the page."""
    metrics_port: int = Field(default=METRICS_PORT, gt=0, le=65535)
    """Port of metrics and the page."""
    gateway_drain_seconds: float = Field(default=0.5, ge=0)
    """How long clients are asked to go elsewhere before the gateway stops."""
    grace_seconds: float = Field(default=30, gt=0)
    """How long requests in flight may then take to finish."""
    gateway_threads: int = Field(default_factory=_cores, ge=1, le=256)
    """Threads of Envoy that handle requests; by default one for each processor."""
    gateway_heap_mb: int = Field(default=384, ge=128, le=1024 * 1024)
    """Memory that Envoy may take beside its program's 60 MB; what would take more is refused with 503."""
    state_dir: Path = Path("var")
    """Where the rendered configuration is written, in `gateway/`."""


def read_settings(kind: type[Settings]) -> Settings:
    """Read settings from the environment.

    Raises:
        InvalidSettings: a variable's value is not allowed; the message names each such variable.
    """
    try:
        return kind()
    except ValidationError as error:
        problems = (f"HOUSING_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise InvalidSettings("; ".join(problems)) from error
