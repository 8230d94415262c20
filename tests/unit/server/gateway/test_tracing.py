"""How Envoy traces, by the options that the server knows as well."""

import json

import pytest

from housing_server.errors import StartError
from housing_server.gateway.tracing import collector, tracing
from housing_server.observability.tracing_options import TracingOptions


@pytest.mark.parametrize(
    "options", [TracingOptions(endpoint="https://collector:4317"), TracingOptions(headers="key=value")]
)
def test_gateway_says_what_envoy_cannot(options: TracingOptions) -> None:
    """A collector that wants TLS or a key would get nothing from it, and nobody would notice."""
    with pytest.raises(StartError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        collector(options)


def test_collector_and_service_name_are_those_of_the_options() -> None:
    """An address of IPv6 is written without its brackets."""
    options = TracingOptions(endpoint="http://[::1]:1", service_name='a "name"')
    assert '{"address": "::1", "port_value": 1}' in json.dumps(collector(options))
    assert tracing(options)["provider"]["typed_config"]["service_name"] == 'a "name"'


@pytest.mark.parametrize(
    ("sampler", "parent", "numerator"),
    [
        ("always_on", False, 1_000_000),
        ("always_off", False, 0),
        ("traceidratio", False, 250_000),
        ("parentbased_always_on", True, 1_000_000),
        ("parentbased_always_off", True, 0),
        ("parentbased_traceidratio", True, 250_000),
    ],
)
def test_envoy_samples_as_the_server_does(sampler: str, parent: bool, numerator: int) -> None:
    """Each sampler of the standard has its like in Envoy."""
    rendered = json.dumps(tracing(TracingOptions(sampler=sampler, ratio=0.25))["provider"]["typed_config"]["sampler"])
    assert ("wrapped_sampler" in rendered, f'"numerator": {numerator},' in rendered) == (parent, True)
