"""Who is admitted: keys, roles, expiry, revocation, limits, and changes of the file of keys."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from housing_server.access.authority import AccessFiles, Authority
from housing_server.access.key_file import change_keys
from housing_server.access.keys import ApiKey, NewSecret, new_secret
from housing_server.access.usage import Usage
from housing_server.core.calls import NO_CREDENTIALS, Credentials, Method
from housing_server.errors import (
    CredentialsExpired,
    CredentialsInvalid,
    CredentialsMissing,
    QuotaExceeded,
    RateExceeded,
    RequestError,
    RoleRequired,
)

PREDICT = Method(kind="unary", service="housing.v1.PredictionService", name="Predict")
LIST = Method(kind="unary", service="housing.v1.PredictionLogService", name="ListPredictions")
STATUS = Method(kind="unary", service="housing.v1.StatusService", name="GetStatus")
UNKNOWN = Method(kind="unknown", service="unknown", name="unknown")
ELSEWHERE = Method(kind="unary", service="housing.v1.NewService", name="DoIt")
NOON = 1_700_000_000.0 // 86_400 * 86_400 + 43_200


class Denials:
    """Remembers denials."""

    def __init__(self) -> None:
        self.kinds: list[tuple[str, str]] = []

    def denied(self, method: Method, error: RequestError) -> None:
        """Remember one."""
        self.kinds.append((method.name, type(error).__name__))


class Harness:
    """An authority with a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.now = NOON
        self.path = folder / "keys.json"
        self.folder = folder
        self.denials = Denials()
        self.authority = self.another("worker-0")

    def another(self, process: str) -> Authority:
        """The authority of another process."""
        usage = Usage(self.folder / "usage", process, lambda: self.now)
        log = structlog.get_logger()
        files = AccessFiles(keys=self.path, identities=self.folder / "identities.json", forwarded=True)
        return Authority(files, usage, self.denials, log, now=lambda: self.now, clock=lambda: self.now)

    def add(self, role: str = "predict", **fields: object) -> NewSecret:
        """Create a key, and look at the file again."""
        made = new_secret()

        def add(known: Sequence[ApiKey], number: int) -> Sequence[ApiKey]:
            key = ApiKey(
                key_id=made.key_id, name=made.key_id, role=role, digest=made.digest, created_at=0, number=number
            )
            return [*known, replace(key, **fields)]  # type: ignore[arg-type]  # fields of any type

        change_keys(self.path, add)
        self.now += 1
        return made

    def admit(self, text: str | None, method: Method = PREDICT) -> str | None:
        """Admit a call with a key."""
        return self.authority.admit(method, Credentials(text))


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    """An authority without keys."""
    return Harness(tmp_path)


def test_key_admits_and_names_its_caller(harness: Harness) -> None:
    """A valid key is admitted wherever it stands in the metadata."""
    made = harness.add()
    for name, value in (
        ("authorization", f"Bearer {made.text}"),
        ("authorization", f"bearer {made.text}"),
        ("x-api-key", made.text),
    ):
        found = harness.authority.credentials([("x-request-id", "r"), (name, value)], ())
        assert harness.authority.admit(PREDICT, found) == made.key_id


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda _key: "",
        lambda _key: "hk_",
        lambda _key: "\u00e9" * 59,
        lambda _key: new_secret().text,
        lambda key: key[:16] + new_secret().text[16:],
    ],
    ids=["last letter", "shorter", "longer", "empty", "prefix", "not ASCII", "unknown id", "secret of another"],
)
def test_key_that_is_not_exact_is_refused(harness: Harness, change: Callable[[str], str]) -> None:
    """Whatever differs from a key is not one."""
    made = harness.add()
    with pytest.raises(CredentialsInvalid):
        harness.admit(change(made.text))


@pytest.mark.parametrize(
    ("role", "method", "error"),
    [
        ("predict", PREDICT, None),
        ("predict", LIST, RoleRequired),
        ("operate", PREDICT, None),
        ("operate", LIST, None),
        ("operate", ELSEWHERE, RoleRequired),
        ("admin", LIST, None),
    ],
)
def test_roles_include_lower_ones(
    harness: Harness, role: str, method: Method, error: type[RequestError] | None
) -> None:
    """A role allows what the contract says, and what lower roles may; an unlisted method needs the highest."""
    made = harness.add(role)
    if error is None:
        assert harness.admit(made.text, method) == made.key_id
    else:
        with pytest.raises(error):
            harness.admit(made.text, method)


def test_call_without_a_key_is_refused_unless_open_to_anyone(harness: Harness) -> None:
    """State needs no key; an unknown method is refused as such."""
    with pytest.raises(CredentialsMissing):
        harness.authority.admit(PREDICT, NO_CREDENTIALS)
    assert harness.denials.kinds == [("Predict", "CredentialsMissing")]
    assert harness.authority.admit(STATUS, NO_CREDENTIALS) is None
    assert harness.authority.admit(UNKNOWN, NO_CREDENTIALS) is None


def test_other_schemes_are_no_keys(harness: Harness) -> None:
    """Basic authentication, of a proxy say, does not count as a malformed key."""
    found = harness.authority.credentials([("authorization", "Basic aGs6aGs=")], ())
    with pytest.raises(CredentialsMissing):
        harness.authority.admit(PREDICT, found)


def test_expired_key_is_refused(harness: Harness) -> None:
    """From the moment of its expiry on."""
    made = harness.add(expires_at=NOON + 10)
    harness.now = NOON + 9.9
    assert harness.admit(made.text)
    harness.now = NOON + 10
    with pytest.raises(CredentialsExpired):
        harness.admit(made.text)


def test_revoked_key_is_refused_within_a_second(harness: Harness) -> None:
    """The file is read again once it has changed, and when it is gone there are no keys."""
    made, kept = harness.add(), harness.add()
    assert harness.admit(made.text)
    change_keys(harness.path, lambda known, _number: [key for key in known if key.key_id != made.key_id])
    harness.now += 1
    with pytest.raises(CredentialsInvalid):
        harness.admit(made.text)
    assert harness.admit(kept.text)
    harness.path.unlink()
    harness.now += 1
    with pytest.raises(CredentialsInvalid):
        harness.admit(kept.text)


def test_file_that_cannot_be_read_locks_nobody_out(harness: Harness) -> None:
    """Keys that were read before remain valid, and an error is logged."""
    made = harness.add()
    assert harness.admit(made.text)
    whole = harness.path.read_text("utf-8")
    harness.path.write_text(whole[:20], "utf-8")
    harness.now += 1
    with structlog.testing.capture_logs() as logs:
        assert harness.admit(made.text)
    assert logs[0]["log_level"] == "error"
    assert made.digest not in str(logs)


def test_rate_limit_holds_across_processes(harness: Harness) -> None:
    """Calls in two processes count together, and the limit is renewed with time."""
    made = harness.add(calls_per_second=4)
    other = harness.another("worker-1")
    harness.now += 1
    for authority in (harness.authority, other) * 2:
        assert authority.admit(PREDICT, Credentials(made.text))
    for authority in (harness.authority, other):
        with pytest.raises(RateExceeded):
            authority.admit(PREDICT, Credentials(made.text))
    harness.now += 2
    assert other.admit(PREDICT, Credentials(made.text))


def test_quota_outlives_a_restart_and_ends_with_the_day(harness: Harness) -> None:
    """The calls of a day are counted in files; at midnight UTC they begin anew."""
    made = harness.add(calls_per_day=2)
    assert harness.admit(made.text)
    harness.authority = harness.another("worker-0")
    assert harness.admit(made.text)
    with pytest.raises(QuotaExceeded) as refusal:
        harness.admit(made.text)
    assert refusal.value.retry_seconds == 43_200 - 1
    harness.now = NOON + 43_200
    assert harness.admit(made.text)


def test_refused_calls_do_not_count(harness: Harness) -> None:
    """A caller that is over its limit, or lacks the role, uses nothing up."""
    made = harness.add(calls_per_day=1)
    with pytest.raises(RoleRequired):
        harness.admit(made.text, LIST)
    assert harness.admit(made.text)


def test_credentials_do_not_show_in_text() -> None:
    """What might be logged by accident has no secret in it."""
    made = new_secret()
    assert made.text not in repr(made) + repr(Credentials(made.text)) + str(Credentials(made.text))


SPIFFE = "spiffe://example/shop"


def test_certificate_admits_by_its_name(harness: Harness) -> None:
    """One that the transport has verified, or that an Envoy reports; a name without a role is no credential."""
    (harness.folder / "identities.json").write_text(f'{{"{SPIFFE}": "operate"}}', "utf-8")
    verified = harness.authority.credentials([], ["other.example", SPIFFE])
    assert harness.authority.admit(LIST, verified) == SPIFFE
    header = f'By=spiffe://example/service;Hash=ab;DNS=other.example;URI="{SPIFFE}"'
    reported = harness.authority.credentials([("x-forwarded-client-cert", header)], ())
    assert reported.names == ("other.example", SPIFFE)
    assert harness.authority.admit(LIST, reported) == SPIFFE
    with pytest.raises(CredentialsMissing):
        harness.authority.admit(LIST, Credentials(None, ["other.example"]))


def test_header_of_a_certificate_counts_behind_an_envoy_only(harness: Harness) -> None:
    """Elsewhere a caller could write it."""
    files = AccessFiles(keys=harness.path, identities=harness.folder / "identities.json")
    usage = Usage(harness.folder / "usage", "worker-1", lambda: NOON)
    authority = Authority(files, usage, harness.denials, structlog.get_logger())
    assert authority.credentials([("x-forwarded-client-cert", f"URI={SPIFFE}")], ()).names == ()
