"""The tracing parts of Envoy's configuration."""

from typing import Any
from urllib.parse import urlsplit

from housing_server.errors import StartError
from housing_server.observability.tracing_options import TracingOptions

_NAME = "housing-gateway"
_CLUSTER = "collector"
_TYPES = "type.googleapis.com/envoy"
_MILLION = 1_000_000


def tracing(options: TracingOptions) -> dict[str, Any]:
    """Return the connection manager's `tracing`."""
    return {
        "operation": "%REQ(:PATH)%",
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": f"{_TYPES}.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": {"envoy_grpc": {"cluster_name": _CLUSTER}, "timeout": "5s"},
                "service_name": options.service_name or _NAME,
                "sampler": _sampler(options),
                "resource_detectors": [_extension("resource_detectors", "EnvironmentResourceDetectorConfig")],
            },
        },
    }


def collector(options: TracingOptions) -> dict[str, Any]:
    """Return the cluster of the collector.

    Raises:
        StartError: Envoy does not support the exporter's options.
    """
    address = urlsplit(options.endpoint)
    if address.scheme != "http" or options.headers:
        raise StartError(
            "the gateway sends traces in plain text and without headers: set OTEL_EXPORTER_OTLP_ENDPOINT to the "
            "http://HOST:PORT of a collector nearby that passes them on, and no OTEL_EXPORTER_OTLP_HEADERS"
        )
    endpoint = {"address": {"socket_address": {"address": address.hostname, "port_value": address.port}}}
    protocol = f"{_TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": _CLUSTER,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": _CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": protocol,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }


def _sampler(options: TracingOptions) -> dict[str, Any]:
    kind = options.sampler.removeprefix("parentbased_")
    ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind, options.ratio)
    percentage = {"numerator": round(ratio * _MILLION), "denominator": "MILLION"}
    by_ratio = _extension("samplers", "TraceIdRatioBasedSamplerConfig", sampling_percentage=percentage)
    if kind == options.sampler:
        return by_ratio
    return _extension("samplers", "ParentBasedSamplerConfig", wrapped_sampler=by_ratio)


def _extension(kind: str, message: str, **fields: object) -> dict[str, Any]:
    config = {"@type": f"{_TYPES}.extensions.tracers.opentelemetry.{kind}.v3.{message}", **fields}
    return {"name": message, "typed_config": config}
