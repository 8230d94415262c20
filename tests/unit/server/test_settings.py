"""Settings that are not allowed."""

import pytest
from pydantic_settings import BaseSettings

from housing_server.errors import InvalidSettings
from housing_server.settings import GatewaySettings, ServerSettings, read_settings

NUMBERS = [
    (kind, name)
    for kind in (ServerSettings, GatewaySettings)
    for name, field in kind.model_fields.items()
    if field.annotation in (int, float)
]


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", ["-1", "3e18", "inf", "nan", "many"])
def test_number_out_of_bounds_is_refused_by_name(
    kind: type[BaseSettings], name: str, value: str, monkeypatch: pytest.MonkeyPatch
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
