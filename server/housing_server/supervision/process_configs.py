"""The configuration of each process of the service, and the addresses of their sockets."""

from dataclasses import dataclass
from pathlib import Path

from housing.addresses import address_of, reachable
from housing_server.control.messages import (
    ConfigureAccess,
    ConfigureEnvoy,
    ConfigureExplainer,
    ConfigureRecorder,
    ConfigureWorker,
)
from housing_server.settings import ServerSettings


def worker_name(slot: int) -> str:
    """Name the worker in a slot, counted from 0."""
    return f"worker-{slot}"


@dataclass(frozen=True, slots=True)
class ProcessConfigs:
    """Configures the service's processes."""

    settings: ServerSettings
    """The service's settings."""
    port: int
    """The port of the workers."""
    run_dir: Path
    """Folder of this run's sockets and metrics files."""
    gateway_port: int = 0
    """The port for JSON of workers inside Envoy."""
    metrics_port: int = 0
    """The side port."""

    def worker(self, slot: int) -> ConfigureWorker:
        """Configure the worker in a slot, counted from 0."""
        settings = self.settings
        return ConfigureWorker(
            name=worker_name(slot),
            host=address_of(settings.host),
            port=self.port,
            model_folder=None,
            drain_seconds=settings.drain_seconds,
            grace_seconds=settings.grace_seconds,
            max_connection_age_seconds=settings.max_connection_age_seconds,
            max_concurrent_streams=settings.max_concurrent_streams,
            max_rows_in_flight=settings.max_rows_in_flight,
            max_queue_seconds=settings.max_queue_seconds,
            max_run_seconds=settings.max_run_seconds,
            prediction_log_mode=settings.prediction_log_mode,
            prediction_log_url=settings.prediction_log if settings.prediction_log_mode == "strict" else "",
            journal_folder=str(self._journal),
            recorder=self._recorder_address if settings.prediction_log_mode != "off" else "",
            explainer=self._explainer_address if self.explains else "",
            allow_pyfunc=settings.allow_pyfunc,
            inside_envoy=self._envoy() if self.embedded else None,
            access=self._access,
            tls=settings.tls,
            peer_addresses=settings.peer_addresses,
        )

    @property
    def embedded(self) -> bool:
        """Whether workers are inside Envoy."""
        return self.settings.transport == "envoy"

    def _envoy(self) -> ConfigureEnvoy:
        settings = self.settings
        return ConfigureEnvoy(
            run_dir=str(self.run_dir),
            gateway_host=address_of(settings.gateway_host),
            gateway_port=self.gateway_port,
            gateway_names=settings.names_on(settings.gateway_host),
            grpc_names=settings.names_on(settings.host),
            gateway_heap_mb=settings.gateway_heap_mb,
            metrics_host=reachable(address_of(settings.metrics_host)),
            metrics_port=self.metrics_port,
            unresponsive_seconds=settings.unresponsive_seconds,
            cors_origins=settings.origins,
            shows_metrics=settings.shows_metrics,
        )

    def recorder(self) -> ConfigureRecorder:
        """Configure the recorder."""
        return ConfigureRecorder(
            address=self._recorder_address,
            journal_folder=str(self._journal),
            prediction_log_url=self.settings.prediction_log,
            keep_days=self.settings.prediction_log_keep_days,
            keep_rows=self.settings.prediction_log_keep_rows,
            model_uri=self.settings.model_uri,
            state_dir=str(self.settings.state_dir),
            direct=self.embedded,
            access=self._access if self.embedded else None,
        )

    @property
    def explains(self) -> bool:
        """Whether the service has an explainer."""
        return self.settings.explainer == "on"

    def explainer(self) -> ConfigureExplainer:
        """Configure the explainer."""
        return ConfigureExplainer(
            address=self._explainer_address,
            model_folder=None,
            max_queue_seconds=self.settings.max_queue_seconds,
            max_run_seconds=self.settings.max_run_seconds,
            grace_seconds=self.settings.grace_seconds,
            direct=self.embedded,
            access=self._access if self.embedded else None,
        )

    @property
    def _access(self) -> ConfigureAccess | None:
        """Who may call the processes that clients reach; a worker has checked the calls that it relays."""
        settings = self.settings
        if not settings.authenticates:
            return None
        certificates = settings.tls is not None and settings.tls.client_ca
        return ConfigureAccess(
            keys_file=str(settings.keys_file.absolute()),
            usage_dir=str((settings.state_dir / "usage").absolute()),
            identities_file=str(settings.identities_file.absolute()) if certificates else "",
            forwarded=self.embedded,
            tokens=settings.tokens,
        )

    @property
    def _journal(self) -> Path:
        return (self.settings.state_dir / "journal").absolute()

    @property
    def _recorder_address(self) -> str:
        return f"unix:{self.run_dir / 'recorder.sock'}"

    @property
    def _explainer_address(self) -> str:
        return f"unix:{self.run_dir / 'explainer.sock'}"
