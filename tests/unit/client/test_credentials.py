"""The key that clients send, wherever it comes from, and certificates that the environment names."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner

from certificates import Certificates
from housing.v1 import model_service_pb2, prediction_service_pb2
from housing_cli.main import main
from housing_client import AsyncPredictionClient, PredictionClient
from unit.client.fake_prediction_service import BERKELEY

VARIABLES = (
    "HOUSING_API_KEY",
    "HOUSING_API_KEY_FILE",
    "HOUSING_CA_FILE",
    "HOUSING_CLIENT_CERTIFICATE",
    "HOUSING_CLIENT_KEY",
)


class Seen(grpc.GenericRpcHandler):
    """Answers every call with an empty message, and remembers its authorization."""

    def __init__(self) -> None:
        self.authorizations: list[str | None] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a call."""
        metadata = dict(handler_call_details.invocation_metadata)
        found = metadata.get("authorization")
        self.authorizations.append(None if found is None else str(found))
        if handler_call_details.method.endswith("StreamPredict"):
            response = prediction_service_pb2.StreamPredictResponse()
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, _context: (response.SerializeToString() for _ in requests)
            )
        response_of_model = model_service_pb2.GetModelResponse()
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: response_of_model.SerializeToString())


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of whoever runs the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def seen() -> Seen:
    """What the service has seen."""
    return Seen()


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """The files of a service."""
    return Certificates.make(tmp_path)


@pytest.fixture
def target(seen: Seen, certificates: Certificates) -> Iterator[str]:
    """A service by TLS."""
    key, certificate = ((certificates.folder / f"{name}.pem").read_bytes() for name in ("key", "certificate"))
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([seen])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


async def test_key_of_the_environment_is_sent_with_every_call(
    target: str, seen: Seen, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By both clients, with streams as well, over a connection that the environment encrypts."""
    monkeypatch.setenv("HOUSING_API_KEY", "hk_1")
    monkeypatch.setenv("HOUSING_CA_FILE", str(certificates.folder / "ca.pem"))
    with PredictionClient(target) as client:
        client.model()
        list(client.predict_stream([BERKELEY]))
    async with AsyncPredictionClient(target) as asynchronous:
        await asynchronous.model()
        _ = [each async for each in asynchronous.predict_stream([BERKELEY])]
    assert seen.authorizations == ["Bearer hk_1"] * 4


def test_key_comes_from_argument_variable_or_file(
    target: str, seen: Seen, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that order."""
    monkeypatch.setenv("HOUSING_CA_FILE", str(certificates.folder / "ca.pem"))
    (tmp_path / "key").write_text("hk_file\n", "utf-8")
    PredictionClient(target).model()
    monkeypatch.setenv("HOUSING_API_KEY_FILE", str(tmp_path / "key"))
    PredictionClient(target).model()
    monkeypatch.setenv("HOUSING_API_KEY", "hk_variable")
    PredictionClient(target).model()
    PredictionClient(target, api_key="hk_argument").model()
    assert seen.authorizations == [None, "Bearer hk_file", "Bearer hk_variable", "Bearer hk_argument"]


def test_channel_of_the_callers_gets_no_key_of_the_environment(
    target: str, seen: Seen, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it leads is not known."""
    monkeypatch.setenv("HOUSING_API_KEY", "hk_variable")
    with grpc.secure_channel(target, certificates.credentials()) as channel:
        PredictionClient(channel=channel).model()
        PredictionClient(channel=channel, api_key="hk_argument").model()
    assert seen.authorizations == [None, "Bearer hk_argument"]


def test_malformed_key_is_refused_without_its_text() -> None:
    """A line break would become a header of its own."""
    with pytest.raises(ValueError, match="a line of ASCII") as refusal:
        PredictionClient("127.0.0.1:1", api_key="secret\nx: y")
    assert "secret" not in str(refusal.value)


def test_commands_read_key_and_authority_from_files(
    target: str, seen: Seen, certificates: Certificates, tmp_path: Path
) -> None:
    """Keys are not arguments, which other users of the machine can read."""
    (tmp_path / "key").write_text("hk_file\n", "utf-8")
    files = ["--key-file", str(tmp_path / "key"), "--ca-file", str(certificates.folder / "ca.pem")]
    result = CliRunner().invoke(main, ["model", "--target", target, "--json", *files])
    assert result.exit_code == 0, result.output
    assert seen.authorizations == ["Bearer hk_file"]
