"""Settings from environment variables: read once at the entry point and passed down.

Every number has an upper bound far above any real need: a larger one is a typing error, and would overflow in a library
that counts milliseconds in 32 bits.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from housing.environment import EnvironmentSettings, Settings, settings_from_environment
from housing.exposure import is_local, names_on, plaintext_refusal
from housing.ports import GATEWAY_PORT, GRPC_PORT, METRICS_PORT
from housing.roles import GRANTED
from housing.sqlite_uris import sqlite_uri
from housing.transports import DEFAULT_TRANSPORT
from housing_server.access.key_file import DEFAULT_NAME
from housing_server.access.token_rules import TokenRules
from housing_server.core.peer_addresses import PeerAddresses
from housing_server.errors import InvalidSettings
from housing_server.limits import MAX_STREAMS
from housing_server.prediction_log.modes import LogMode
from housing_server.system.tls import TlsFiles

_HOUR = 3600.0
_DAY = 24 * _HOUR

_ORIGIN = r"https?://(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
_ORIGINS = rf"^(?:{_ORIGIN}(?:,{_ORIGIN})*)?$"
"""Origins as browsers send them, without a path: a pattern of origins would sooner or later match somebody else's."""

_HOST = r"(?:\*|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
_HOSTS = rf"^(?:{_HOST}(?:,{_HOST})*)?$"

_ROLE = f"[^,=\\s]+=(?:{'|'.join(GRANTED)})"
_ROLES = rf"^(?:{_ROLE}(?:,{_ROLE})*)?$"
"""Roles of this service by the provider's names of them: `NAME=ROLE,NAME=ROLE`."""

_ListeningPort = Annotated[int, Field(ge=0, le=65535)]
_Port = Annotated[int, Field(gt=0, le=65535)]
_Pause = Annotated[float, Field(ge=0, le=_HOUR, allow_inf_nan=False)]
_Duration = Annotated[float, Field(gt=0, le=_HOUR, allow_inf_nan=False)]
_Period = Annotated[float, Field(ge=0, le=_DAY, allow_inf_nan=False)]


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _default_log(known: dict[str, Path]) -> str:
    # If the state folder itself is invalid, that is the error to report.
    return sqlite_uri(known.get("state_dir", Path()) / "predictions.db")


def _default_keys(known: dict[str, Path]) -> Path:
    return known.get("state_dir", Path()) / DEFAULT_NAME


def _default_identities(known: dict[str, Path]) -> Path:
    return known.get("state_dir", Path()) / "identities.json"


def shows_metrics(setting: Literal["auto", "on", "off"], host: str) -> bool:
    """Return whether metrics can be read on the port of JSON, which listens on this host."""
    return is_local(host) if setting == "auto" else setting == "on"


class ListenerSettings(EnvironmentSettings):
    """How callers connect: what `housing serve` and `housing gateway` have in common."""

    tls_certificate: Path | None = None
    """PEM file of the certificate that callers see, and of intermediate ones; without one, there is no encryption."""
    tls_key: Path | None = None
    """PEM file of its private key."""
    tls_client_ca: Path | None = None
    """PEM file of the authorities that sign callers' certificates, which are required then."""
    insecure: bool = False
    """Whether other machines may connect without encryption."""
    peer_addresses: PeerAddresses = "truncated"
    """How much of callers' addresses is logged and recorded: `full`, `truncated` to their network, or `none`."""
    cors_origins: str = Field(default="", pattern=_ORIGINS)
    """Origins of web pages that may call, with commas between: `https://shop.example`; empty for none."""
    allowed_hosts: str = Field(default="", pattern=_HOSTS)
    """More names by which requests may address what listens on loopback, with commas between; `*` for any."""
    gateway_metrics: Literal["auto", "on", "off"] = "auto"
    """Whether metrics can be read on the port of JSON, without credentials; `auto` is `on` for loopback only."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of web pages that may call."""
        return tuple(self.cors_origins.split(",")) if self.cors_origins else ()

    def names_on(self, host: str) -> Sequence[str] | None:
        """Return the names by which requests may address what listens at a host; None for any."""
        return names_on(host, self.allowed_hosts.split(",") if self.allowed_hosts else ())

    @property
    def tls(self) -> TlsFiles | None:
        """Certificate and key; None for plaintext."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        client_ca = "" if self.tls_client_ca is None else str(self.tls_client_ca.absolute())
        return TlsFiles(
            certificate=str(self.tls_certificate.absolute()), key=str(self.tls_key.absolute()), client_ca=client_ca
        )

    def check_encryption(self, callers: Mapping[str, str], plaintext: Mapping[str, str]) -> None:
        """Check that no other machine can connect without encryption, unless that is allowed.

        Args:
            callers: hosts that callers connect to, by the variable that sets each.
            plaintext: hosts of ports that have no encryption.

        Raises:
            InvalidSettings: one can, or certificate and key cannot be used.
        """
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise InvalidSettings("HOUSING_TLS_CERTIFICATE and HOUSING_TLS_KEY: set both, or neither")
        if self.tls is None and self.tls_client_ca is not None:
            raise InvalidSettings("HOUSING_TLS_CLIENT_CA: set HOUSING_TLS_CERTIFICATE and HOUSING_TLS_KEY, too")
        if self.tls is not None:
            self.tls.check()
        exposed = [(callers if self.tls is None else {}, "set HOUSING_TLS_CERTIFICATE and HOUSING_TLS_KEY")]
        exposed.append((plaintext, "keep it inside"))
        for hosts, remedy in exposed:
            if refusal := plaintext_refusal(hosts, insecure=self.insecure, remedy=remedy):
                raise InvalidSettings(refusal)


class TokenSettings(EnvironmentSettings):
    """Which tokens of an OpenID provider are accepted."""

    token_jwks: Path | None = None
    """File of an OpenID provider's public keys (JWKS), whose tokens are accepted beside API keys; without one, none."""
    token_issuer: str = ""
    """The claim `iss` of these tokens."""
    token_audiences: str = ""
    """Values of the claim `aud`, with commas between; a token needs one of them."""
    token_role_claim: str = Field(default="role", min_length=1)
    """The claim with the caller's roles; `realm_access.roles` is a claim within another."""
    token_roles: str = Field(default="", pattern=_ROLES)
    """Roles by the provider's names of them, `sellers=predict,owners=admin`; by default the names are the roles."""

    @property
    def tokens(self) -> TokenRules | None:
        """Which tokens of an OpenID provider are accepted; None for none."""
        if self.token_jwks is None:
            return None
        pairs = (pair.partition("=") for pair in self.token_roles.split(",") if pair)
        return TokenRules(
            keys_file=str(self.token_jwks.absolute()),
            issuer=self.token_issuer,
            audiences=[name.strip() for name in self.token_audiences.split(",") if name.strip()],
            role_claim=self.token_role_claim,
            roles={name: role for name, _, role in pairs} or {name: name for name in GRANTED},
        )


class ServerSettings(ListenerSettings, TokenSettings):
    """How `housing serve` runs: each field is the variable `HOUSING_<FIELD>`."""

    host: str = "127.0.0.1"
    """Address or host name to listen on; 0.0.0.0 in containers."""
    grpc_port: _ListeningPort = GRPC_PORT
    """Port of the gRPC services; 0 for any free one."""
    metrics_host: str = "127.0.0.1"
    """Address or host name of metrics, probes and the page, which have neither encryption nor credentials."""
    metrics_port: _ListeningPort = METRICS_PORT
    """Port of metrics, probes and the page; 0 for any free one."""
    log_level: Literal["info", "warning", "error"] = "info"
    """Minimum level of logged events; each call is an event of level `info`."""
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    """Number of worker processes; by default one per processor."""
    spare_worker: Literal["on", "off"] = "on"
    """Whether to keep a spare process that can replace a worker that ends; see `supervision/spare.py`."""
    transport: Literal["auto", "envoy", "grpc"] = DEFAULT_TRANSPORT
    """What carries calls: an Envoy around each worker, or gRPC's own library; `auto` is Envoy where that can be."""
    unresponsive_seconds: _Pause = 10
    """How long a process may fail to answer pings before it is replaced; 0 for no limit."""
    max_run_seconds: _Pause = 60
    """How long one run of the model may take before its process stops answering pings; 0 for no limit."""
    model_uri: str = "models:/california-housing@champion"
    """The model to serve: `models:/NAME@ALIAS` or `models:/NAME/VERSION`."""
    state_dir: Path = Path("var")
    """Folder of fetched models, and of the registry unless another is configured."""
    model_poll_seconds: _Period = 15
    """Interval at which the registry is checked for a new version; 0 for checks on SIGHUP only."""
    swap_max_latency_ratio: float = Field(default=10, ge=0, le=1e6, allow_inf_nan=False)
    """The largest latency per row of a new model relative to the old one; 0 for no limit."""
    drain_seconds: _Pause = 0.5
    """How long calls are still accepted after health has turned to NOT_SERVING, so that load balancers notice."""
    grace_seconds: _Duration = 30
    """Grace period for calls in flight when the server stops."""
    max_connection_age_seconds: float = Field(default=300, gt=0, le=_DAY, allow_inf_nan=False)
    """Age at which a connection is asked to reconnect, so that load spreads over restarted workers."""
    max_concurrent_streams: int = Field(default=MAX_STREAMS, ge=1, le=1_000_000)
    """The most calls in flight on one connection; further ones wait at the client."""
    max_rows_in_flight: int = Field(default=30_000, ge=1, le=100_000_000)
    """The most block groups in flight in a worker; further calls are refused with RESOURCE_EXHAUSTED."""
    max_queue_seconds: _Duration = 1.0
    """The longest expected queueing time of a call; calls beyond are refused likewise."""
    prediction_log: str = Field(default_factory=_default_log)
    """The store of the prediction log: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/DATABASE`."""
    prediction_log_mode: LogMode = "lenient"
    """`lenient` answers while the store is down and drains later, `strict` refuses, `off` records nothing."""
    prediction_log_keep_days: float = Field(default=0, ge=0, le=36_500, allow_inf_nan=False)
    """Age limit of records in days; 0 for no limit."""
    prediction_log_keep_rows: int = Field(default=0, ge=0, le=1_000_000_000_000)
    """The most records to keep; 0 for no limit."""
    allow_pyfunc: bool = False
    """Whether to serve pyfunc models: loading one runs code from its files; see docs/models.md."""
    explainer: Literal["on", "off"] = "on"
    """Whether to run the explainer, a separate process that explains prices."""
    gateway_host: str = "127.0.0.1"
    """With workers inside Envoy: address to listen on for JSON, or a name of it."""
    gateway_port: _ListeningPort = GATEWAY_PORT
    """Likewise: port of the JSON routes, gRPC and gRPC-Web; 0 for any free one."""
    gateway_heap_mb: int = Field(default=384, ge=128, le=1024 * 1024)
    """Likewise: memory that a worker's Envoy may take beside its program and Python; more is refused with 503."""
    authentication: Literal["auto", "on", "off"] = "auto"
    """Whether callers need API keys; `auto` is `off` where only this machine can connect, and `on` elsewhere."""
    keys_file: Path = Field(default_factory=_default_keys)
    """File of the API keys."""
    identities_file: Path = Field(default_factory=_default_identities)
    """File of the roles of callers' certificates, by name."""

    @property
    def shows_metrics(self) -> bool:
        """Whether metrics can be read on the port of JSON."""
        return shows_metrics(self.gateway_metrics, self.gateway_host)

    def check_exposure(self) -> None:
        """Check that no other machine can connect without encryption, unless that is allowed.

        Raises:
            InvalidSettings: one can, or certificate and key cannot be used.
        """
        callers = {"HOUSING_HOST": self.host}
        if self.transport == "envoy":
            callers["HOUSING_GATEWAY_HOST"] = self.gateway_host
        self.check_encryption(callers, {"HOUSING_METRICS_HOST": self.metrics_host})
        if (tokens := self.tokens) is not None:
            tokens.check()

    @property
    def authenticates(self) -> bool:
        """Whether callers need API keys: a gateway on this machine may be reached where the server is not."""
        if self.authentication == "auto":
            return not (is_local(self.host) and is_local(self.gateway_host))
        return self.authentication == "on"


class GatewaySettings(ListenerSettings):
    """How `housing gateway` runs: each field is the variable `HOUSING_<FIELD>`."""

    gateway_host: str = "127.0.0.1"
    """Address or host name to listen on; 0.0.0.0 in containers."""
    gateway_port: _ListeningPort = GATEWAY_PORT
    """Port of the JSON routes, gRPC and gRPC-Web; 0 for any free one."""
    grpc_host: str = "127.0.0.1"
    """Host of the gRPC services; several are separated by commas. Calls go to every address of each."""
    grpc_port: _Port = GRPC_PORT
    """Port of the gRPC services."""
    ca_file: Path | None = None
    """PEM file of the authorities that sign the gRPC services' certificate; without one, there is no encryption."""
    client_certificate: Path | None = None
    """PEM file of the gateway's own certificate, where the gRPC services require one."""
    client_key: Path | None = None
    """PEM file of its private key."""
    metrics_host: str = "127.0.0.1"
    """Host of metrics and the page."""
    metrics_port: _Port = METRICS_PORT
    """Port of metrics and the page."""
    gateway_drain_seconds: _Pause = 0.5
    """How long clients are asked to go elsewhere before the gateway stops."""
    grace_seconds: _Duration = 30
    """Grace period for requests in flight after that."""
    log_level: Literal["info", "warning", "error"] = "info"
    """Minimum level of logged events."""
    gateway_threads: int = Field(default_factory=_cores, ge=1, le=256)
    """Number of Envoy's threads that handle requests; by default one per processor."""
    gateway_heap_mb: int = Field(default=384, ge=128, le=1024 * 1024)
    """Envoy's heap limit, beside its program's 60 MB; requests beyond are refused with 503."""
    state_dir: Path = Path("var")
    """The rendered configuration is written to `gateway/` in this folder."""

    @property
    def shows_metrics(self) -> bool:
        """Whether metrics can be read on the port of JSON."""
        return shows_metrics(self.gateway_metrics, self.gateway_host)

    def check_exposure(self) -> None:
        """Check that no other machine can connect without encryption, unless that is allowed.

        Raises:
            InvalidSettings: one can, or certificate and key cannot be used.
        """
        self.check_encryption({"HOUSING_GATEWAY_HOST": self.gateway_host}, {})


def read_settings(kind: type[Settings]) -> Settings:
    """Read settings from the environment.

    Raises:
        InvalidSettings: a variable's value is not allowed; the message names each such variable and its limits.
    """
    return settings_from_environment(kind, InvalidSettings)
