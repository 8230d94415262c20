"""TLS of gRPC's own library: who can connect, who they are, and certificates that are replaced."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from certificates import Certificates
from housing_server.core.calls import Credentials, Method, background_calls
from housing_server.grpc_transport.handlers import Handlers
from housing_server.grpc_transport.health import Health
from housing_server.grpc_transport.server import local_server
from housing_server.grpc_transport.tls import server_credentials


class Names:
    """An authority that admits everybody, and remembers the names of their certificates."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def credentials(self, _metadata: object, names: object) -> Credentials:
        """Remember the names of a call."""
        assert isinstance(names, tuple)
        self.seen += names
        return Credentials(None, names)

    def admit(self, _method: Method, _credentials: Credentials) -> str | None:
        """Admit."""
        return None


class Uncounted:
    """Counts nothing."""

    def call_started(self, method: Method) -> None:
        """Do nothing."""

    def call_ended(self, method: Method, code: int, seconds: float) -> None:
        """Do nothing."""

    def calls_succeeded(self, method: Method, seconds: Sequence[float]) -> None:
        """Do nothing."""


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """An authority and its files."""
    return Certificates.make(tmp_path)


@asynccontextmanager
async def serving(certificates: Certificates, *, clients: bool) -> AsyncIterator[tuple[int, Names]]:
    """Serve health by TLS; yield the port, and the names that callers have shown."""
    names, log = Names(), structlog.get_logger()
    calls = background_calls(Uncounted(), log)
    calls.authority = names
    handlers = Handlers(calls)
    handlers.mount(Health([]).endpoints, calls)
    server = local_server(handlers)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(certificates.files(clients=clients), log))
    await server.start()
    try:
        yield port, names
    finally:
        await server.stop(None)


async def check(port: int, credentials: grpc.ChannelCredentials | None) -> bool:
    """Return whether a new connection is answered."""
    address = f"127.0.0.1:{port}"
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    opened = (
        grpc.aio.insecure_channel(address, options)
        if credentials is None
        else grpc.aio.secure_channel(address, credentials, options)
    )
    async with opened as channel:
        try:
            stub: Any = HealthStub(channel)
            await stub.Check(HealthCheckRequest(), timeout=60)
        except grpc.aio.AioRpcError as error:
            return error.code() is not grpc.StatusCode.UNAVAILABLE
        return True


async def test_only_who_trusts_the_authority_connects(certificates: Certificates, tmp_path: Path) -> None:
    """Neither plaintext nor another authority."""
    other = Certificates.make(tmp_path / "other")
    async with serving(certificates, clients=False) as (port, names):
        assert await check(port, certificates.credentials())
        assert not await check(port, None)
        assert not await check(port, other.credentials())
    assert names.seen == []


async def test_callers_certificate_is_required_and_names_them(certificates: Certificates, tmp_path: Path) -> None:
    """One of the service's authority."""
    other = Certificates.make(tmp_path / "other")
    stranger = other.authority.issue_cert("shop.example")
    stolen = grpc.ssl_channel_credentials(
        certificates.authority.cert_pem.bytes(),
        stranger.private_key_pem.bytes(),
        stranger.cert_chain_pems[0].bytes(),
    )
    async with serving(certificates, clients=True) as (port, names):
        assert await check(port, certificates.credentials("shop.example"))
        assert not await check(port, certificates.credentials())
        assert not await check(port, stolen)
    assert names.seen == ["shop.example"]


async def test_certificate_is_renewed_without_a_restart(certificates: Certificates, tmp_path: Path) -> None:
    """The next connection gets it; one that cannot be used is not taken."""
    other = Certificates.make(tmp_path / "other")
    async with serving(certificates, clients=False) as (port, _):
        assert await check(port, certificates.credentials())
        (certificates.folder / "certificate.pem").write_text("not a certificate")
        assert await check(port, certificates.credentials()), "the old one is in use"
        for name in ("key.pem", "certificate.pem"):
            (other.folder / name).replace(certificates.folder / name)
        assert await check(port, other.credentials())
        assert not await check(port, certificates.credentials())
