"""What may listen beyond this machine."""

from pathlib import Path

import pytest

from certificates import Certificates
from housing.exposure import is_local
from housing_server.errors import InvalidSettings
from housing_server.settings import GatewaySettings, ServerSettings

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens in these tests


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.0.2.1", False),
        ("no such host", False),
    ],
)
def test_loopback_addresses_are_local(host: str, local: bool) -> None:
    """By name and by number; whatever cannot be resolved is not."""
    assert is_local(host) is local


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        (ServerSettings(host=EVERYWHERE), "HOUSING_HOST"),
        (ServerSettings(gateway_host="::", transport="envoy"), "HOUSING_GATEWAY_HOST"),
        (ServerSettings(metrics_host=EVERYWHERE), "HOUSING_METRICS_HOST"),
        (GatewaySettings(gateway_host=EVERYWHERE), "HOUSING_GATEWAY_HOST"),
    ],
)
def test_plaintext_beyond_loopback_is_refused(settings: ServerSettings | GatewaySettings, variable: str) -> None:
    """In one line that says what to do, unless it is asked for in so many words."""
    with pytest.raises(InvalidSettings) as refusal:
        settings.check_exposure()
    text = str(refusal.value)
    assert text.startswith(f"{variable}=")
    assert "HOUSING_INSECURE=1" in text
    assert "\n" not in text
    settings.model_copy(update={"insecure": True}).check_exposure()


def test_tls_opens_what_it_protects_only(tmp_path: Path) -> None:
    """The side port has none."""
    chosen = Certificates.make(tmp_path).settings()
    tls = {"tls_certificate": chosen["tls_certificate"], "tls_key": chosen["tls_key"]}
    ServerSettings.model_validate({"host": EVERYWHERE, **tls}).check_exposure()
    with pytest.raises(InvalidSettings, match="HOUSING_METRICS_HOST"):
        ServerSettings.model_validate({"metrics_host": EVERYWHERE, **tls}).check_exposure()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tls_certificate": "certificate.pem"}, "set both, or neither"),
        ({"tls_client_ca": "ca.pem"}, "set HOUSING_TLS_CERTIFICATE"),
        ({"tls_certificate": "certificate.pem", "tls_key": "nowhere.pem"}, "not a readable certificate"),
        ({"tls_certificate": "certificate.pem", "tls_key": "other/key.pem"}, "not a readable certificate"),
        ({"tls_certificate": "key.pem", "tls_key": "key.pem"}, "not a readable certificate"),
        (
            {"tls_certificate": "certificate.pem", "tls_key": "key.pem", "tls_client_ca": "key.pem"},
            "no readable certificates",
        ),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """At the start, without what is in them."""
    Certificates.make(tmp_path)
    Certificates.make(tmp_path / "other")
    paths = {name: tmp_path / path for name, path in files.items()}
    with pytest.raises(InvalidSettings, match=message) as refusal:
        ServerSettings.model_validate(paths).check_exposure()
    assert "BEGIN" not in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "required"),
    [
        (ServerSettings(), False),
        (ServerSettings(host=EVERYWHERE), True),
        (ServerSettings(gateway_host=EVERYWHERE), True),
        (ServerSettings(host=EVERYWHERE, insecure=True), True),
        (ServerSettings(host=EVERYWHERE, authentication="off"), False),
        (ServerSettings(authentication="on"), True),
    ],
)
def test_keys_are_required_where_others_can_connect(settings: ServerSettings, required: bool) -> None:
    """Unless that is set; plaintext does not make it any less so."""
    assert settings.authenticates is required
