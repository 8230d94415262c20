"""Call policies of the clients as immutable values: deadlines, retries, keepalive and TLS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc

SHORTEST_KEEPALIVE = 5.0
"""Minimum interval of pings, in seconds; the service closes connections that ping more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Deadlines of calls, in seconds, retries included; None for no limit."""

    predict: float | None = 15.0
    """One block group: usually milliseconds, but a server takes ten seconds to replace a worker that hangs. The call is
    repeated then."""
    batch: float | None = 60.0
    """One batch: the contract's largest takes about a second."""
    stream: float | None = 3600.0
    """A whole stream, for as long as the caller sends."""
    describe: float | None = 15.0
    """The model and the state of the service; likewise."""
    log: float | None = 60.0
    """A page of the prediction log, its statistics, or the contract's largest request of outcomes."""


_VARIABLES = {
    "root_certificates": "HOUSING_CA_FILE",
    "certificate_chain": "HOUSING_CLIENT_CERTIFICATE",
    "private_key": "HOUSING_CLIENT_KEY",
}
"""The variables that name files of `Tls`."""

PAUSE_GROWTH = 3.0
"""Factor by which the pause grows from one attempt to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How a call is retried when the service is unavailable.

    Every method may be retried: a prediction only adds a row to the prediction log, and recording an outcome again
    changes nothing.
    """

    attempts: int = 5
    """Maximum attempts of a call, including the first; gRPC allows up to 5, and 1 disables retries."""
    first_pause: float = 0.1
    """Seconds before the second attempt; each further pause is three times as long: four seconds over five attempts,
    less than the default deadline of a prediction, so that the error reports the cause."""
    longest_pause: float = 3.0
    """Maximum seconds between two attempts."""
    stream_patience: float = 30.0
    """Seconds since its last answer during which a stream is reopened, whatever `attempts`."""

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after consecutive failures, 1 or more."""
        return min(self.first_pause * PAUSE_GROWTH ** min(failures - 1, 30), self.longest_pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepalive:
    """How a connection that was lost silently is detected: by HTTP/2 pings.

    Raises:
        ValueError: the interval is shorter than `SHORTEST_KEEPALIVE`, or the timeout is not positive.
    """

    interval: float = 360.0
    """Seconds between pings. Servers with gRPC's default settings, and proxies like them, allow one in 300 s."""
    timeout: float = 20.0
    """Seconds after which a ping without an answer closes the connection."""
    without_calls: bool = False
    """Whether to ping while no call is open, which keeps idle connections open through firewalls."""

    def __post_init__(self) -> None:
        if not self.interval >= SHORTEST_KEEPALIVE:
            raise ValueError(f"the service allows a ping every {SHORTEST_KEEPALIVE:g} s, not every {self.interval:g} s")
        if not self.timeout > 0:
            raise ValueError(f"a ping cannot be answered within {self.timeout:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Certificates and keys of an encrypted connection, in PEM format.

    Raises:
        ValueError: a private key comes without its certificate chain, or the other way round.
    """

    root_certificates: bytes | None = None
    """Certificates of the trusted authorities; None for gRPC's own."""
    private_key: bytes | None = field(default=None, repr=False)
    """The caller's key, for services that require client certificates."""
    certificate_chain: bytes | None = None
    """The caller's certificate, and intermediate ones."""
    server_name: str | None = None
    """The name that the service's certificate must have; None for the host of the target."""

    def __post_init__(self) -> None:
        if (self.private_key is None) != (self.certificate_chain is None):
            raise ValueError("a private key requires its certificate chain, and vice versa")

    @classmethod
    def from_files(
        cls,
        *,
        root_certificates: Path | str | None = None,
        private_key: Path | str | None = None,
        certificate_chain: Path | str | None = None,
        server_name: str | None = None,
    ) -> Self:
        """Read certificates and keys from files.

        Raises:
            OSError: a file cannot be read.
            ValueError: see the constructor.
        """
        return cls(
            root_certificates=_read(root_certificates),
            private_key=_read(private_key),
            certificate_chain=_read(certificate_chain),
            server_name=server_name,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        """Read the files that variables name: `HOUSING_CA_FILE`, `HOUSING_CLIENT_CERTIFICATE`, `HOUSING_CLIENT_KEY`.

        Returns:
            None without any of them: connections are not encrypted then.

        Raises:
            OSError: a file cannot be read.
            ValueError: see the constructor.
        """
        paths = {name: environment.get(variable) or None for name, variable in _VARIABLES.items()}
        return cls.from_files(**paths) if any(paths.values()) else None

    def credentials(self) -> grpc.ChannelCredentials:
        """Return the credentials for gRPC; the server name is a channel option."""
        return grpc.ssl_channel_credentials(self.root_certificates, self.private_key, self.certificate_chain)


DEFAULT_DEADLINES = Deadlines()
DEFAULT_RETRIES = Retries()
DEFAULT_KEEPALIVE = Keepalive()


def _read(path: Path | str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
