"""Explanations as `housing explain` shows them."""

import json

from click.testing import CliRunner
from google.rpc import code_pb2, error_details_pb2

from housing.features import FEATURE_NAMES
from housing_cli.main import main
from unit.client.fake_prediction_service import BERKELEY, FakePredictionService, failed

PRICE = 83_252.0


def _run(target: str, *arguments: str, **changes: object) -> tuple[int, str, str]:
    flags = [
        part
        for name, value in (BERKELEY | changes).items()
        if value is not None
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    result = CliRunner().invoke(main, ["explain", "--target", target, *flags, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_command_shows_the_largest_contribution_first(target: str) -> None:
    """Bars are to scale, made of + where the price is raised and of - where it is lowered."""
    code, output, _ = _run(target)
    lines = output.splitlines()
    assert code == 0
    assert "median house value  83,252 USD" in lines
    assert "interval            70,000 to 500,001 USD or more (90% of such intervals hold)" in lines
    first, second, *others = lines[lines.index("") + 2 :]
    assert first.split() == ["median_income", "8.3252", "+83,252", "USD", "+" * 30]
    assert second.split() == ["population", "322", "-41,626", "USD", "-" * 15]
    assert {line.split()[0] for line in others} == set(FEATURE_NAMES) - {"median_income", "population"}
    assert not any(line.endswith(("+", "-")) for line in others)


def test_command_leaves_out_what_was_not_given(target: str) -> None:
    """A field that may be left out has no value in the table, and nothing to scale by draws no bar."""
    code, output, _ = _run(target, ocean_proximity=None, median_income=0)
    assert code == 0
    assert ["ocean_proximity", "+0", "USD"] in [line.split() for line in output.splitlines()]
    assert not any(line.endswith(("+", "-")) for line in output.splitlines())


def test_command_writes_json(target: str) -> None:
    """One line, with the contract's names."""
    _, output, _ = _run(target, "--json")
    found = json.loads(output)
    assert found["contributions"][7] == {"field": "median_income", "contribution": PRICE}
    assert found["interval"]["upper_open"] is True


def test_command_says_what_is_missing_or_refused(target: str, service: FakePredictionService) -> None:
    """In one line, with an exit code of its own."""
    code, _, errors = _run(target, latitude=None, population=None)
    assert code == 2
    assert errors.splitlines()[-1] == "Error: missing --latitude, --population"
    service.failures = [
        failed(
            code_pb2.UNIMPLEMENTED,
            "version 7 of fake was registered without the data that explanations need",
            error_details_pb2.ErrorInfo(reason="EXPLANATION_NOT_AVAILABLE", domain="housing.v1"),
        )
    ]
    code, _, errors = _run(target)
    assert code == 1
    assert errors == "Error: UNIMPLEMENTED: version 7 of fake was registered without the data that explanations need\n"
