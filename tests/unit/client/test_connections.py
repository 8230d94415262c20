"""How clients connect: channels of the caller's, TLS, keepalive, waiting for a service."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from housing_client import (
    AsyncPredictionClient,
    Keepalive,
    PredictionClient,
    Retries,
    Tls,
    UnavailableError,
    channel_options,
)
from housing_client.channel import Credentials
from unit.client.fake_prediction_service import BERKELEY, FakePredictionService, failed, serving

NAME = "prices.example"


class Recorder(grpc.UnaryUnaryClientInterceptor):
    """Keeps the paths of the calls that pass."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Pass a call on."""
        self.paths.append(client_call_details.method)
        return continuation(client_call_details, request)


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that names a proxy which does not exist, and exempts nothing from it."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("dead_proxy")
async def test_a_service_on_this_machine_is_called_past_any_proxy(target: str) -> None:
    """By both clients, and so by the command line and the monitor."""
    with PredictionClient(target) as client:
        assert client.predict(BERKELEY).model_name == "fake"
    async with AsyncPredictionClient(target) as asynchronous:
        assert (await asynchronous.predict(BERKELEY)).model_name == "fake"


def test_a_channel_of_the_callers_is_used_and_stays_open(target: str) -> None:
    """With whatever interceptors it has; closing the client leaves it to its owner."""
    recorder = Recorder()
    with grpc.insecure_channel(target, channel_options()) as channel:
        for _ in range(2):
            with PredictionClient(channel=grpc.intercept_channel(channel, recorder)) as client:
                assert client.predict(BERKELEY).model_name == "fake"
                assert len(list(client.predict_stream([BERKELEY] * 3))) == 3
    assert recorder.paths == ["/housing.v1.PredictionService/Predict"] * 2


async def test_an_asynchronous_channel_of_the_callers_is_used_and_stays_open(target: str) -> None:
    """As with the other client."""
    async with grpc.aio.insecure_channel(target) as channel:
        for _ in range(2):
            async with AsyncPredictionClient(channel=channel) as client:
                assert (await client.predict(BERKELEY)).model_name == "fake"
                assert len([found async for found in client.predict_stream([BERKELEY] * 3)]) == 3


@pytest.mark.parametrize("other", [{"target": "localhost:1"}, {"credentials": Tls()}])
def test_a_channel_comes_alone(other: dict[str, Any]) -> None:
    """Which target or which credentials count would be a guess."""
    with grpc.insecure_channel("localhost:1") as channel, pytest.raises(TypeError, match="the channel"):
        PredictionClient(channel=channel, **other)


def test_the_options_of_a_callers_channel_bring_retries(target: str, service: FakePredictionService) -> None:
    """They are public for that."""
    service.failures = [failed(14, "wait")] * 2
    with grpc.insecure_channel(target, channel_options(Retries(attempts=3, first_pause=0.01))) as channel:
        assert PredictionClient(channel=channel).model().name == "fake"
    assert service.attempts == 3


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that has signed certificates of the service and of callers."""
    return trustme.CA()


@pytest.fixture
def tls_target(authority: trustme.CA, service: FakePredictionService) -> Iterator[str]:
    """A service that speaks TLS only, asks callers for a certificate, and has another name than its address."""
    certificate = authority.issue_cert(NAME)
    pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    roots = authority.cert_pem.bytes()
    with serving(service, grpc.ssl_server_credentials([pair], roots, require_client_auth=True)) as target:
        yield target


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    """The files of a caller."""
    caller = authority.issue_cert("caller.example")
    paths = {name: tmp_path / name for name in ("root_certificates", "private_key", "certificate_chain")}
    authority.cert_pem.write_to_path(paths["root_certificates"])
    caller.private_key_pem.write_to_path(paths["private_key"])
    caller.cert_chain_pems[0].write_to_path(paths["certificate_chain"])
    return paths


def test_both_sides_may_show_certificates(tls_target: str, files: dict[str, Path]) -> None:
    """A caller with the right files, who expects the right name, is answered by either client."""
    tls = Tls.from_files(**files, server_name=NAME)
    with PredictionClient(tls_target, credentials=tls) as client:
        assert client.model().name == "fake"

    async def ask() -> str:
        async with AsyncPredictionClient(tls_target, credentials=tls) as client:
            return (await client.model()).name

    assert asyncio.run(ask()) == "fake"


def test_who_does_not_match_is_unavailable(tls_target: str, files: dict[str, Path]) -> None:
    """Without TLS, without a certificate, or where another name is expected."""
    roots = files["root_certificates"].read_bytes()
    wrong: list[Credentials | None] = [
        None,
        Tls(root_certificates=roots, server_name=NAME),
        Tls.from_files(**files, server_name="other.example"),
    ]
    for credentials in wrong:
        client = PredictionClient(tls_target, credentials=credentials, retries=Retries(attempts=1))
        with client, pytest.raises(UnavailableError):
            client.model()


def test_credentials_of_grpc_make_the_connection_tls(authority: trustme.CA, service: FakePredictionService) -> None:
    """What `grpc.ssl_channel_credentials` makes does as well."""
    certificate = authority.issue_cert("127.0.0.1")
    pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    with (
        serving(service, grpc.ssl_server_credentials([pair])) as target,
        PredictionClient(target, credentials=credentials) as client,
    ):
        assert client.model().name == "fake"


def test_a_private_key_is_never_shown_and_needs_its_certificate() -> None:
    """Neither in logs nor in error messages."""
    assert "secret" not in repr(Tls(private_key=b"secret", certificate_chain=b"chain"))
    with pytest.raises(ValueError, match="requires its certificate chain"):
        Tls(private_key=b"secret")


@pytest.mark.parametrize("bad", [{"interval": 4.9}, {"interval": float("nan")}, {"timeout": 0}])
def test_a_keepalive_that_the_service_punishes_is_refused(bad: dict[str, Any]) -> None:
    """Too many pings would close the connection."""
    with pytest.raises(ValueError, match="ping"):
        Keepalive(**bad)


def test_keepalive_is_in_the_options_of_the_channel() -> None:
    """In milliseconds; pings go on when a long call has nothing to send."""
    options = dict(channel_options(keepalive=Keepalive(interval=5, timeout=1.5, without_calls=True)))
    assert options["grpc.keepalive_time_ms"] == 5000
    assert options["grpc.keepalive_timeout_ms"] == 1500
    assert options["grpc.keepalive_permit_without_calls"] == 1
    assert options["grpc.http2.max_pings_without_data"] == 0


async def test_waiting_ends_when_the_service_is_reached_or_the_time_is_over(target: str) -> None:
    """The answer is whether it was reached."""
    with PredictionClient(target) as client, PredictionClient("localhost:1") as lost:
        assert client.wait_until_reachable(60)
        assert not lost.wait_until_reachable(0.01)
    async with AsyncPredictionClient(target) as twin, AsyncPredictionClient("localhost:1") as lost_twin:
        assert await twin.wait_until_reachable(60)
        assert not await lost_twin.wait_until_reachable(0.01)
