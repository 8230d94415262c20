"""Tokens of an OpenID provider: which are accepted, what they grant, and that anything else is no credential."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from housing.v1.annotations_pb2 import ROLE_ADMIN, ROLE_ANYONE, ROLE_OPERATE, ROLE_PREDICT
from housing_server.access.tokens import LEEWAY_SECONDS, Tokens, is_token
from housing_server.control.messages import ConfigureAccess, ConfigureExplainer, decode, encode
from housing_server.errors import CredentialsExpired, CredentialsInvalid, InvalidSettings
from housing_server.settings import ServerSettings
from tokens import AUDIENCE, ISSUER, Provider


class Harness:
    """Tokens of a provider, and a clock that can be moved."""

    def __init__(self, folder: Path) -> None:
        self.provider = Provider.make(folder / "jwks.json")
        self.ahead = 0.0
        self.tokens = self.accepting(self.provider)

    def accepting(self, provider: Provider, **rules: Any) -> Tokens:
        """Tokens by the rules of a provider, or others."""
        chosen = replace(provider.rules(), **rules)
        tokens = Tokens(chosen, structlog.get_logger(), lambda: time.time() + self.ahead)
        tokens.look()
        return tokens


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """A provider of its own for each test."""
    return Harness(tmp_path)


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        ("predict", ROLE_PREDICT),
        ("admin", ROLE_ADMIN),
        (["predict", "operate", "other"], ROLE_OPERATE),
        ("openid operate", ROLE_OPERATE),
        (None, ROLE_ANYONE),
        ("owner", ROLE_ANYONE),
        ({"admin": True}, ROLE_ANYONE),
        ([["admin"], 3], ROLE_ANYONE),
    ],
)
def test_token_grants_the_highest_of_its_roles(harness: Harness, role: object, granted: int) -> None:
    """By one name, by words, or by a list; what is no name of a role grants nothing."""
    caller = harness.tokens.identify(harness.provider.token(role))
    assert (caller.name, caller.role) == ("shop", granted)


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["sellers"]}}),
        ("https://example.com/role", {"https://example.com/role": "sellers"}),
        ("groups", {"groups": ["a", "sellers"]}),
    ],
)
def test_providers_own_names_are_mapped(harness: Harness, claim: str, claims: dict[str, object]) -> None:
    """The claim may be within another one; where names are mapped, the service's own names count for nothing."""
    tokens = harness.accepting(harness.provider, role_claim=claim, roles={"sellers": "predict"})
    assert tokens.identify(harness.provider.token(**claims)).role == ROLE_PREDICT
    admin = json.loads(json.dumps(claims).replace("sellers", "admin"))
    assert tokens.identify(harness.provider.token(**admin)).role == ROLE_ANYONE


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://other.example"},
        {"iss": None},
        {"exp": None},
        {"sub": None},
        {"sub": "two words"},
        {"sub": "line\nbreak"},
        {"sub": "x" * 256},
        {"nbf": 4e9},
    ],
    ids=str,
)
def test_token_for_anything_else_is_refused(harness: Harness, claims: dict[str, object]) -> None:
    """For another service, by another provider, without an end, without a name, or before its time."""
    with pytest.raises(CredentialsInvalid):
        harness.tokens.identify(harness.provider.token("admin", **claims))


def test_token_expires(harness: Harness) -> None:
    """Clocks may differ by a minute; a token that was accepted before is refused then, too."""
    now = int(time.time())
    with pytest.raises(CredentialsExpired):
        harness.tokens.identify(harness.provider.token("admin", exp=now - 2 * LEEWAY_SECONDS))
    token = harness.provider.token("admin", exp=now + 300)
    assert harness.tokens.identify(token)
    harness.ahead = 300 + LEEWAY_SECONDS
    with pytest.raises(CredentialsExpired):
        harness.tokens.identify(token)


def forged(change: Callable[[dict[str, Any]], object], key: Any = "") -> Callable[[str], str]:
    """Return what writes another head for a token, and signs it with the public key, or not at all."""

    def forge(token: str) -> str:
        head = jwt.get_unverified_header(token)
        change(head)
        claims = jwt.decode(token, options={"verify_signature": False})
        return jwt.encode(claims, key, head["alg"], headers=head)

    return forge


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token[:-2] + ("AA" if not token.endswith("AA") else "BB"),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.replace(".", "A.", 1),
        forged(lambda head: head.update(alg="none"), None),
        forged(lambda head: head.update(alg="HS256"), "the public key is no secret" * 3),
        lambda token: ".".join((base64.b64encode(b"[" * 5000).decode(), *token.split(".")[1:])),
        lambda token: ".".join((base64.b64encode(b'{"alg":3,"kid":[]}').decode(), *token.split(".")[1:])),
    ],
    ids=["signature", "no signature", "head", "none", "HS256", "nested", "types"],
)
def test_forged_token_is_refused(harness: Harness, forge: Callable[[str], str]) -> None:
    """Whatever is not signed with the provider's key by its own algorithm."""
    token = harness.provider.token("admin")
    assert harness.tokens.identify(token)
    with pytest.raises(CredentialsInvalid):
        harness.tokens.identify(forge(token))


def test_keys_are_followed(harness: Harness) -> None:
    """A new key is used, and what the last one has signed is refused; a file that cannot be read changes nothing."""
    old = harness.provider.token("admin")
    assert harness.tokens.identify(old)
    harness.provider.rotate()
    harness.tokens.look()
    new = harness.provider.token("admin")
    assert harness.tokens.identify(new)
    with pytest.raises(CredentialsInvalid):
        harness.tokens.identify(old)
    harness.provider.path.write_text("{", "utf-8")
    with structlog.testing.capture_logs() as logs:
        harness.tokens.look()
    assert [line["log_level"] for line in logs] == ["error"]
    assert harness.tokens.identify(new)


def test_anything_is_no_token(harness: Harness) -> None:
    """Whatever a caller sends is refused, and no error of ours."""
    parts = st.tuples(*[st.binary(max_size=30) | st.text(max_size=20).map(json.dumps).map(str.encode)] * 3)
    encoded = parts.map(lambda each: ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in each))

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=40) | encoded | encoded.map(lambda text: text.replace("A", "\u00e9")))
    def refuse(text: str) -> None:
        with pytest.raises(CredentialsInvalid):
            harness.tokens.identify(text)

    refuse()  # pylint: disable=no-value-for-parameter  # Hypothesis makes it


def test_keys_are_no_tokens() -> None:
    """An API key is told from a token by its form."""
    assert not is_token("hk_000000000000_" + "A" * 43)
    assert is_token("a.b.c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_issuer": ""}, "HOUSING_TOKEN_ISSUER"),
        ({"token_audiences": " , "}, "HOUSING_TOKEN_AUDIENCES"),
        ({"token_jwks": "nowhere.json"}, "cannot be read"),
        ({"token_jwks": "secret.json"}, "secret key"),
        ({"token_jwks": "empty.json"}, "at least one key"),
    ],
    ids=str,
)
def test_service_does_not_start_with_half_the_rules(
    tmp_path: Path, change: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is named, and no key is repeated."""
    monkeypatch.chdir(tmp_path)
    provider = Provider.make(tmp_path / "jwks.json")
    secret = jwt.algorithms.ECAlgorithm.to_jwk(provider.keys[0], as_dict=True)
    Path("secret.json").write_text(json.dumps({"keys": [secret]}), "utf-8")
    Path("empty.json").write_text('{"keys": []}', "utf-8")
    with pytest.raises(InvalidSettings, match=message) as refusal:
        ServerSettings.model_validate(provider.settings() | change).check_exposure()
    assert secret["d"] not in str(refusal.value)


def test_rules_reach_the_processes(tmp_path: Path) -> None:
    """Through the control socket, as they are set."""
    provider = Provider.make(tmp_path / "jwks.json")
    chosen = ServerSettings.model_validate(provider.settings() | {"token_roles": "sellers=predict,owners=admin"})
    rules = chosen.tokens
    assert rules is not None
    assert (rules.issuer, rules.audiences) == (ISSUER, ["other", AUDIENCE])
    assert rules.roles == {"sellers": "predict", "owners": "admin"}
    access = ConfigureAccess(keys_file="keys.json", usage_dir="usage", tokens=rules)
    config = ConfigureExplainer(
        address="", model_folder=None, max_queue_seconds=1, max_run_seconds=1, grace_seconds=1, access=access
    )
    assert decode(encode(config)) == config
