"""TLS of the whole service: by gRPC's own library with a gateway before it, and by an Envoy around each worker."""

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest

from certificates import Certificates
from housing.example import BERKELEY
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_log_service_pb2 import ListPredictionsRequest
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing.v1.prediction_service_pb2 import PredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from running import ROOT, TRANSPORTS, Service, gateway_command, running_service, transport_or_skip, wait_for

SHOP = "shop.example"
HEALTH_CHECK = ROOT / "deploy/scripts/healthcheck.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypted:
    """A service that wants certificates of its callers."""

    transport: str
    service: Service
    gateway_port: int
    certificates: Certificates

    def channel(self, port: int, name: str) -> grpc.Channel:
        """A new connection of a client."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.secure_channel(f"127.0.0.1:{port}", self.certificates.credentials(name), options)

    def context(self, name: str = "") -> ssl.SSLContext:
        """What a client of JSON trusts, and its certificate."""
        context = ssl.create_default_context(cafile=self.certificates.folder / "ca.pem")
        if name:
            self.certificates.authority.issue_cert(name).configure_cert(context)
        return context


@pytest.fixture(scope="module", params=TRANSPORTS)
def encrypted(
    request: pytest.FixtureRequest, state_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Encrypted]:
    """A service with each transport; before gRPC's own library a gateway, which needs no certificate of its callers."""
    transport = transport_or_skip(request.param)
    own = tmp_path_factory.mktemp("encrypted")
    certificates = Certificates.make(own / "tls")
    (own / "identities.json").write_text(f'{{"{SHOP}": "predict"}}', "utf-8")
    settings = certificates.settings(clients=True) | {"transport": transport, "authentication": "on"}
    with ExitStack() as stack:
        service = stack.enter_context(running_service(own, state_dir, **settings))
        service.command.wait_for("serving")
        port = service.gateway_port
        if not port:
            leaf = certificates.authority.issue_cert("gateway.example")
            (own / "gateway.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
            (own / "gateway.key").write_bytes(leaf.private_key_pem.bytes())
            chosen = {"client_certificate": own / "gateway.pem", "client_key": own / "gateway.key"}
            chosen |= {"ca_file": certificates.folder / "ca.pem"}
            front = gateway_command(service, own, **certificates.settings(), **chosen)
            port = stack.enter_context(front).port
        yield Encrypted(transport=transport, service=service, gateway_port=port, certificates=certificates)


def test_certificate_is_the_identity_of_a_caller(encrypted: Encrypted, block_group: BlockGroup) -> None:
    """Its name has a role: it predicts, reads no log, and another name may do nothing."""
    ports = {encrypted.service.grpc_port} | ({encrypted.gateway_port} if encrypted.transport == "envoy" else set())
    for port in ports:
        with encrypted.channel(port, SHOP) as channel:
            assert PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group), timeout=60)
            with pytest.raises(grpc.RpcError) as refusal:
                PredictionLogServiceStub(channel).ListPredictions(ListPredictionsRequest(), timeout=60)
            assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED
        # What an Envoy would report of another caller.
        forged = (("x-forwarded-client-cert", f"DNS={SHOP}"),)
        with encrypted.channel(port, "other.example") as channel, pytest.raises(grpc.RpcError) as refusal:
            PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group), metadata=forged, timeout=60)
        assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_caller_without_a_certificate_cannot_connect(encrypted: Encrypted, block_group: BlockGroup) -> None:
    """Nor one without TLS."""
    target = f"127.0.0.1:{encrypted.service.grpc_port}"
    for opened in (
        encrypted.channel(encrypted.service.grpc_port, ""),
        grpc.insecure_channel(target),
    ):
        with opened as channel, pytest.raises(grpc.RpcError) as refusal:
            PredictionServiceStub(channel).Predict(PredictRequest(block_group=block_group), timeout=60)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


def test_json_is_encrypted(encrypted: Encrypted) -> None:
    """Over HTTP/1.1 and HTTPS only; behind a gateway a certificate of the caller does not count, and no header does."""
    url = f"https://127.0.0.1:{encrypted.gateway_port}"
    embedded = encrypted.transport == "envoy"
    with httpx.Client(verify=encrypted.context(SHOP if embedded else ""), timeout=60) as http:
        wait_for(lambda: True if http.get(f"{url}/health").status_code == 200 else None, "a healthy service")
        forged = {"x-forwarded-client-cert": f"DNS={SHOP}"}
        answer = http.post(f"{url}/api/predict", json=dict(BERKELEY), headers=forged)
        assert answer.status_code == (200 if embedded else 401), answer.text
    if not embedded:  # whose certificate is required of callers of JSON, too
        port, variable = str(encrypted.gateway_port), "HOUSING_TLS_CERTIFICATE"
        for certificate, code in (("certificate.pem", 0), ("", 1)):
            check = [sys.executable, str(HEALTH_CHECK), "HOUSING_NO_PORT", port, "/health", variable]
            assert subprocess.run(check, env=os.environ | {variable: certificate}, check=False).returncode == code
    with pytest.raises(httpx.HTTPError):
        httpx.get(url.replace("https", "http"), timeout=60)


def test_new_certificate_is_used_without_a_restart(encrypted: Encrypted) -> None:
    """By the next connection, on every port."""
    encrypted.certificates.issue()
    expected = ssl.PEM_cert_to_DER_cert((encrypted.certificates.folder / "certificate.pem").read_text("ascii"))

    def seen(port: int) -> bool | None:
        context = encrypted.context(SHOP)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            return True if connection.getpeercert(binary_form=True) == expected else None

    for port in (encrypted.service.grpc_port, encrypted.gateway_port):
        wait_for(lambda port=port: seen(port), f"the new certificate on port {port}")  # type: ignore[misc]
