"""Settings that are not allowed."""

import traceback
from pathlib import Path

import pytest

from housing.environment import EnvironmentSettings
from housing_server.errors import InvalidSettings
from housing_server.settings import GatewaySettings, ServerSettings, read_settings

CANARY = "canary-9c1f"

NUMBERS = [
    (kind, name)
    for kind in (ServerSettings, GatewaySettings)
    for name, field in kind.model_fields.items()
    if field.annotation in (int, float)
]


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", ["-1", "3e18", "inf", "nan", "many"])
def test_number_out_of_bounds_is_refused_by_name(
    kind: type[EnvironmentSettings], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No number reaches a worker that would overflow there."""
    variable = f"HOUSING_{name.upper()}"
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=f"^{variable}: [^;]*$"):
        read_settings(kind)


def test_upper_bound_is_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody has to guess."""
    monkeypatch.setenv("HOUSING_MAX_CONNECTION_AGE_SECONDS", "3000000")
    with pytest.raises(InvalidSettings, match=r"HOUSING_MAX_CONNECTION_AGE_SECONDS: .*86400"):
        read_settings(ServerSettings)


def test_only_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that depends on other settings says nothing of its own; all that is wrong is named at once."""
    monkeypatch.setenv("HOUSING_WORKERS", "0")
    monkeypatch.setenv("HOUSING_EXPLAINER", "maybe")
    with pytest.raises(InvalidSettings) as refusal:
        read_settings(ServerSettings)
    problems = str(refusal.value).split("; ")
    assert [problem.partition(":")[0] for problem in problems] == ["HOUSING_WORKERS", "HOUSING_EXPLAINER"]


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("https://shop.example", ("https://shop.example",)),
        ("https://shop.example:8443,http://localhost:3000", ("https://shop.example:8443", "http://localhost:3000")),
    ],
)
def test_origins_are_named(text: str, origins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one."""
    monkeypatch.setenv("HOUSING_CORS_ORIGINS", text)
    assert read_settings(GatewaySettings).origins == origins


@pytest.mark.parametrize(
    "text", ["*", "shop.example", "https://*.example", "https://shop.example/", "null", "https://a,"]
)
def test_origin_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patterns, paths and `null`, which every local file has."""
    monkeypatch.setenv("HOUSING_CORS_ORIGINS", text)
    with pytest.raises(InvalidSettings, match="HOUSING_CORS_ORIGINS"):
        read_settings(GatewaySettings)


def test_value_of_a_variable_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a secret need not be in the environment; both at once would be ambiguous."""
    path = tmp_path / "url"
    path.write_text(f"postgresql://u:{CANARY}@db/housing\n", "utf-8")
    monkeypatch.setenv("HOUSING_PREDICTION_LOG_FILE", str(path))
    assert read_settings(ServerSettings).prediction_log == f"postgresql://u:{CANARY}@db/housing"
    monkeypatch.setenv("HOUSING_PREDICTION_LOG", "sqlite:///other.db")
    with pytest.raises(InvalidSettings, match="set only one"):
        read_settings(ServerSettings)


def test_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its variable."""
    monkeypatch.setenv("HOUSING_PREDICTION_LOG_FILE", str(tmp_path))
    with pytest.raises(InvalidSettings, match=r"HOUSING_PREDICTION_LOG_FILE: .* cannot be read"):
        read_settings(ServerSettings)


@pytest.mark.parametrize("name", ServerSettings.model_fields)
def test_refused_value_is_not_repeated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the message nor in what a traceback would show: it may be a secret in the wrong variable."""
    monkeypatch.setenv(f"HOUSING_{name.upper()}", f"{CANARY}")
    try:
        read_settings(ServerSettings)
    except InvalidSettings as refusal:
        shown = "".join(traceback.format_exception(refusal))
        assert CANARY not in shown
