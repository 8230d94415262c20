"""Settings, from the environment: read once at the entry point and passed down."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from housing.addresses import join_address
from housing_monitoring.errors import InvalidSettings

_SECONDS_PER_HOUR = 3600


class MonitorSettings(BaseSettings):
    """How `housing monitor` and `housing drift-report` run: each field is the variable `HOUSING_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="HOUSING_", frozen=True)

    grpc_host: str = "127.0.0.1"
    """Host of the gRPC services."""
    grpc_port: int = Field(default=50051, gt=0, le=65535)
    """Port of the gRPC services."""
    monitor_host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 in containers."""
    monitor_port: int = Field(default=9465, ge=0, le=65535)
    """Port of the metrics; 0 takes a free one."""
    monitor_seconds: float = Field(default=30, gt=0, le=86_400, allow_inf_nan=False)
    """How long to wait between two looks at the service."""
    drift_window_rows: int = Field(default=5000, ge=1, le=1_000_000)
    """The most recent predictions, at most so many, are compared with the model's profile."""
    drift_window_hours: float = Field(default=24, gt=0, le=1_000_000, allow_inf_nan=False)
    """Predictions that are older are not compared."""
    drift_minimum_rows: int = Field(default=500, ge=1, le=1_000_000)
    """With fewer values of a field nothing is said about it: they would differ by chance."""
    log_level: Literal["info", "warning", "error"] = "info"
    """Events of lower levels are not logged; each look is an event of level `info`."""
    state_dir: Path = Path("var")
    """Where the last results are kept, in `monitor/`."""

    @property
    def drift_window_seconds(self) -> float:
        """How old a compared prediction may be."""
        return self.drift_window_hours * _SECONDS_PER_HOUR

    @property
    def target(self) -> str:
        """Where the gRPC services are."""
        return join_address(self.grpc_host, self.grpc_port)


def read_settings() -> MonitorSettings:
    """Read the settings from the environment.

    Raises:
        InvalidSettings: a variable's value is not allowed; the message names each such variable.
    """
    try:
        return MonitorSettings()
    except ValidationError as error:
        problems = (f"HOUSING_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise InvalidSettings("; ".join(problems)) from error
