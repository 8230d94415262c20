"""What the environment says about tracing, for the server and for Envoy."""

import sys

import pytest
from click.testing import CliRunner

from housing_server.commands.serve import serve
from housing_server.errors import InvalidSettings, StartError
from housing_server.observability.tracing_options import TracingOptions, check_packages, read_tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SERVICE_NAME": "prices", "OTEL_TRACES_SAMPLER": "nonsense"},
        ENDPOINT | {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        ENDPOINT | {"OTEL_SDK_DISABLED": "true"},
    ],
)
def test_tracing_is_off_unless_asked_for(environment: dict[str, str]) -> None:
    """And what the variables say otherwise is not looked at."""
    assert read_tracing(environment) is None


@pytest.mark.parametrize(
    ("environment", "options"),
    [
        (ENDPOINT, TracingOptions(endpoint="http://collector:4317")),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, TracingOptions(endpoint="http://localhost:4317")),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://t:1"}, TracingOptions(endpoint="https://t:1")),
        (
            ENDPOINT
            | {
                "OTEL_TRACES_SAMPLER": "traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.25",
                "OTEL_SERVICE_NAME": "prices",
                "OTEL_EXPORTER_OTLP_HEADERS": "key=value",
            },
            TracingOptions(
                endpoint="http://collector:4317",
                headers="key=value",
                service_name="prices",
                sampler="traceidratio",
                ratio=0.25,
            ),
        ),
    ],
)
def test_variables_are_read_as_the_standard_says(environment: dict[str, str], options: TracingOptions) -> None:
    """Those for traces come before those for all signals, and there are defaults."""
    assert read_tracing(environment) == options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:port"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "half"),
    ],
)
def test_what_is_not_to_be_had_is_named(name: str, value: str) -> None:
    """In one line that begins with the variable."""
    with pytest.raises(InvalidSettings, match=rf"^{name}: must be [^\n]+$"):
        read_tracing(ENDPOINT | {name: value})


def test_missing_packages_are_named_with_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing that was asked for is not left out in silence."""
    check_packages()
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc", None)
    with pytest.raises(StartError, match=r"pip install '\.\[tracing\]'"):
        check_packages()


def test_server_that_cannot_trace_does_not_start() -> None:
    """It says why in one line, before it does anything."""
    result = CliRunner().invoke(serve, env=ENDPOINT | {"OTEL_TRACES_EXPORTER": "zipkin"})
    assert (result.exit_code, result.output) == (1, "Error: OTEL_TRACES_EXPORTER: must be otlp or none\n")
