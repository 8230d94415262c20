"""Whatever a caller writes into the headers that show who it is: it is no credential, and no error of the service."""

import hmac
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from google.rpc.code_pb2 import UNAUTHENTICATED
from hypothesis import given, settings
from hypothesis import strategies as st

from access import make_keys
from housing_server.access.authority import AccessFiles, Authority
from housing_server.access.usage import Usage
from housing_server.asgi_transport.headers import credentials
from housing_server.core.calls import CREDENTIALS, Method
from housing_server.core.status import status_from_error
from housing_server.errors import CredentialsInvalid, RequestError
from tokens import Provider

PREDICT = Method(kind="unary", service="housing.v1.PredictionService", name="Predict")
MARK = "Zx9Secret"
"""In every text that is sent; no text of the service holds it."""


class Denials:
    """Counts no denials."""

    def denied(self, method: Method, error: RequestError) -> None:
        """Do nothing."""


@pytest.fixture(name="authority")
def any_authority(tmp_path: Path) -> Iterator[Authority]:
    """One that accepts keys, certificates that an Envoy reports, and tokens."""
    keys, provider = make_keys(tmp_path / "keys.json"), Provider.make(tmp_path / "jwks.json")
    (tmp_path / "identities.json").write_text('{"shop.example": "admin"}', "utf-8")
    files = AccessFiles(
        keys=keys.path, identities=tmp_path / "identities.json", forwarded=True, tokens=provider.rules()
    )
    usage = Usage(tmp_path / "usage", "worker-0", time.time)
    with structlog.testing.capture_logs() as logs:
        yield Authority(files, usage, Denials(), structlog.get_logger())
    assert not logs


def almost(text: str) -> st.SearchStrategy[str]:
    """Texts that begin like credentials."""
    starts = ("Bearer ", "bearer", "Bearer hk_000000000000_", "Basic ", "hk_", "Bearer a.b.", "DNS=", 'URI="', "")
    return st.sampled_from(starts).map(lambda start: start + text)


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(CREDENTIALS),
        st.text(max_size=60).map(MARK.__add__).flatmap(almost) | st.just(MARK * 2000).flatmap(almost) | st.just(""),
    ),
    max_size=5,
)
"""Names, some of them several times, and values: of any letters, empty, and enormous."""


def refused(authority: Authority, metadata: Sequence[tuple[str, Any]]) -> None:
    """Call with metadata, which is no credential."""
    with pytest.raises(RequestError) as refusal:
        authority.admit(PREDICT, authority.credentials(metadata, ()))
    status = status_from_error(refusal.value)
    assert status.code == UNAUTHENTICATED
    assert MARK.encode() not in status.SerializeToString()


def test_headers_of_any_content_are_no_credentials(authority: Authority) -> None:
    """As text and as bytes, through either transport."""

    @settings(max_examples=150, deadline=None)
    @given(HEADERS)
    def fuzz(headers: list[tuple[str, str]]) -> None:
        refused(authority, headers)
        encoded = [(name, value.encode()) for name, value in headers]
        refused(authority, encoded)
        refused(authority, credentials({name.encode(): value for name, value in encoded}))

    fuzz()  # pylint: disable=no-value-for-parameter  # Hypothesis makes it


@pytest.mark.parametrize("key", ["hk_000000000000_" + "A" * 43, MARK, "\u00e9"], ids=["unknown", "text", "e"])
def test_every_key_is_compared_in_constant_time(
    authority: Authority, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is unknown as well: the time shows neither which ids exist, nor how much of a secret is right."""
    compared: list[tuple[str, str]] = []
    compare = hmac.compare_digest

    def spy(left: str, right: str) -> bool:
        compared.append((left, right))
        return compare(left, right)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    with pytest.raises(CredentialsInvalid):
        authority.admit(PREDICT, authority.credentials([("authorization", f"Bearer {key}")], ()))
    assert [(len(left), len(right)) for left, right in compared] == [(64, 64)]
