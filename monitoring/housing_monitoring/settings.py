"""Settings from environment variables: read once at the entry point and passed down."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from housing.addresses import join_address
from housing.environment import EnvironmentSettings, settings_from_environment
from housing.exposure import plaintext_refusal
from housing.ports import GRPC_PORT, MONITOR_PORT
from housing_monitoring.errors import InvalidSettings

_SECONDS_PER_HOUR = 3600


class MonitorSettings(EnvironmentSettings):
    """How `housing monitor` and `housing drift-report` run: each field is the variable `HOUSING_<FIELD>`."""

    grpc_host: str = "127.0.0.1"
    """Host of the gRPC services."""
    grpc_port: int = Field(default=GRPC_PORT, gt=0, le=65535)
    """Port of the gRPC services."""
    monitor_host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 in containers."""
    insecure: bool = False
    """Whether other machines may connect to it, without encryption."""
    monitor_port: int = Field(default=MONITOR_PORT, ge=0, le=65535)
    """Port of the metrics; 0 for any free one."""
    monitor_seconds: float = Field(default=30, gt=0, le=86_400, allow_inf_nan=False)
    """Pause between two checks of the service."""
    drift_window_rows: int = Field(default=5000, ge=1, le=1_000_000)
    """The most recent predictions to compare with the model's profile."""
    drift_window_hours: float = Field(default=24, gt=0, le=1_000_000, allow_inf_nan=False)
    """Age limit of predictions to compare, in hours."""
    drift_minimum_rows: int = Field(default=500, ge=1, le=1_000_000)
    """Minimum number of values for a field to be compared: fewer would differ by chance."""
    log_level: Literal["info", "warning", "error"] = "info"
    """Minimum level of logged events; each check is an event of level `info`."""
    state_dir: Path = Path("var")
    """The last results are stored in `monitor/` in this folder."""

    @property
    def drift_window_seconds(self) -> float:
        """Age limit of predictions to compare, in seconds."""
        return self.drift_window_hours * _SECONDS_PER_HOUR

    def check_exposure(self) -> None:
        """Check that no other machine can connect, unless that is allowed.

        Raises:
            InvalidSettings: one can.
        """
        hosts = {"HOUSING_MONITOR_HOST": self.monitor_host}
        if refusal := plaintext_refusal(hosts, insecure=self.insecure, remedy="keep it inside"):
            raise InvalidSettings(refusal)

    @property
    def target(self) -> str:
        """Address of the gRPC services."""
        return join_address(self.grpc_host, self.grpc_port)


def read_settings() -> MonitorSettings:
    """Read the settings from the environment.

    Raises:
        InvalidSettings: a variable's value is not allowed; the message names each such variable.
    """
    return settings_from_environment(MonitorSettings, InvalidSettings)
