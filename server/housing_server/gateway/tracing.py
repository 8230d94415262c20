"""How Envoy traces: what its configuration's template is filled in with."""

import json
from typing import Any
from urllib.parse import urlsplit

from housing_server.errors import StartError
from housing_server.observability.tracing_options import TracingOptions

_NAME = "housing-gateway"
_SAMPLERS = "envoy.extensions.tracers.opentelemetry.samplers.v3"
_MILLION = 1_000_000


def tracing_values(options: TracingOptions | None) -> dict[str, Any]:
    """Give the values of the template's placeholders about tracing; without options, its lines become comments.

    Raises:
        StartError: Envoy cannot send spans to where they shall go.
    """
    used = options or TracingOptions()
    collector = urlsplit(used.endpoint)
    if collector.scheme != "http" or used.headers:
        raise StartError(
            "the gateway sends traces in plain text and without headers: set OTEL_EXPORTER_OTLP_ENDPOINT to the "
            "http://HOST:PORT of a collector nearby that passes them on, and no OTEL_EXPORTER_OTLP_HEADERS"
        )
    return {
        "if_tracing": "" if options else "# ",
        "tracing_service_name": json.dumps(used.service_name or _NAME),
        "tracing_sampler": json.dumps(_sampler(used)),
        "collector_host": collector.hostname,
        "collector_port": collector.port,
    }


def _sampler(options: TracingOptions) -> dict[str, Any]:
    kind = options.sampler.removeprefix("parentbased_")
    ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind, options.ratio)
    percentage = {"numerator": round(ratio * _MILLION), "denominator": "MILLION"}
    by_ratio = _extension("TraceIdRatioBasedSamplerConfig", sampling_percentage=percentage)
    return by_ratio if kind == options.sampler else _extension("ParentBasedSamplerConfig", wrapped_sampler=by_ratio)


def _extension(message: str, **fields: object) -> dict[str, Any]:
    return {"name": message, "typed_config": {"@type": f"type.googleapis.com/{_SAMPLERS}.{message}", **fields}}
