"""How clients call: deadlines, retries, keepalive and TLS, as values that never change."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc

SHORTEST_KEEPALIVE = 5.0
"""Seconds between pings that the service allows at least; it closes connections that ping more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long calls may take, in seconds, retries included; None for no limit."""

    predict: float | None = 5.0
    """One block group."""
    batch: float | None = 60.0
    """One batch: the contract's largest takes about a second."""
    stream: float | None = 3600.0
    """A whole stream, for as long as the caller sends."""
    describe: float | None = 5.0
    """What the model and the state of the service are."""
    log: float | None = 60.0
    """A page of the prediction log, its statistics, or the contract's largest request of outcomes."""


PAUSE_GROWTH = 3.0
"""How many times as long as the last one the next pause between two attempts is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How a call that finds the service unavailable is tried again.

    Every method may be repeated: a prediction changes nothing but the prediction log, where each try is a row of its
    own, and an outcome that comes again changes nothing.
    """

    attempts: int = 5
    """Most attempts of a call, the first among them; gRPC allows up to 5, and 1 tries nothing again."""
    first_pause: float = 0.1
    """Seconds before the second attempt; each further pause is three times as long: four seconds in five attempts, less
    than the default deadline of a prediction, so that the error says what is wrong."""
    longest_pause: float = 3.0
    """Most seconds between two attempts."""
    stream_patience: float = 30.0
    """Seconds after its last answer for which a stream is opened again, whatever `attempts`."""

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after a number of failures, 1 or more, without progress."""
        return min(self.first_pause * PAUSE_GROWTH ** min(failures - 1, 30), self.longest_pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepalive:
    """How a connection that has been lost without a trace is noticed: by HTTP/2 pings that are not answered.

    Raises:
        ValueError: the interval is shorter than `SHORTEST_KEEPALIVE`, or the timeout is not positive.
    """

    interval: float = 360.0
    """Seconds between pings. Servers with gRPC's default settings, and proxies like them, allow one in 300 s."""
    timeout: float = 20.0
    """Seconds after which a ping without an answer closes the connection."""
    without_calls: bool = False
    """Whether to ping while no call is under way, which keeps idle connections through firewalls."""

    def __post_init__(self) -> None:
        if not self.interval >= SHORTEST_KEEPALIVE:
            raise ValueError(f"the service allows a ping every {SHORTEST_KEEPALIVE:g} s, not every {self.interval:g} s")
        if not self.timeout > 0:
            raise ValueError(f"a ping cannot be answered within {self.timeout:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Whom to trust, and as whom to appear, on an encrypted connection. All files are PEM.

    Raises:
        ValueError: there is a private key without its certificate chain, or the other way round.
    """

    root_certificates: bytes | None = None
    """Certificates of the authorities to trust; None for those that gRPC brings."""
    private_key: bytes | None = field(default=None, repr=False)
    """The caller's own key, for services that ask for a certificate."""
    certificate_chain: bytes | None = None
    """The caller's own certificate, and those between it and an authority."""
    server_name: str | None = None
    """The name that the service's certificate must hold; None for the host of the target."""

    def __post_init__(self) -> None:
        if (self.private_key is None) != (self.certificate_chain is None):
            raise ValueError("a private key and its certificate chain go together")

    @classmethod
    def from_files(
        cls,
        *,
        root_certificates: Path | str | None = None,
        private_key: Path | str | None = None,
        certificate_chain: Path | str | None = None,
        server_name: str | None = None,
    ) -> Self:
        """Read keys and certificates from files.

        Raises:
            OSError: a file cannot be read.
            ValueError: as the constructor does.
        """
        return cls(
            root_certificates=_read(root_certificates),
            private_key=_read(private_key),
            certificate_chain=_read(certificate_chain),
            server_name=server_name,
        )

    def credentials(self) -> grpc.ChannelCredentials:
        """Return the same for gRPC; the server's name is an option of the channel."""
        return grpc.ssl_channel_credentials(self.root_certificates, self.private_key, self.certificate_chain)


DEFAULT_DEADLINES = Deadlines()
DEFAULT_RETRIES = Retries()
DEFAULT_KEEPALIVE = Keepalive()


def _read(path: Path | str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
