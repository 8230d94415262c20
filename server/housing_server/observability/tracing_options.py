"""The tracing options, from OpenTelemetry's own environment variables.

Each process reads them without OpenTelemetry's packages, which need not be installed unless calls are traced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from housing_server.errors import InvalidSettings, StartError

_SAMPLERS = frozenset(
    f"{parent}{sampler}" for parent in ("", "parentbased_") for sampler in ("always_on", "always_off", "traceidratio")
)
_DEFAULT_SAMPLER = "parentbased_always_on"
_DEFAULT_ENDPOINT = "http://localhost:4317"
_SCHEMES = frozenset({"http", "https"})
_OFF = "; or set OTEL_TRACES_EXPORTER=none to turn tracing off"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingOptions:
    """How calls are traced."""

    endpoint: str = _DEFAULT_ENDPOINT
    """The collector's OTLP/gRPC address: `http://HOST:PORT`, or https."""
    headers: str = ""
    """Headers for the collector: `KEY=VALUE,...`."""
    service_name: str = ""
    """Name of the service; empty for the default of each part."""
    sampler: str = _DEFAULT_SAMPLER
    """The sampler: `parentbased_always_on`, `traceidratio`, ..."""
    ratio: float = 1.0
    """Share of traces that a `traceidratio` sampler keeps, from 0 to 1."""


def read_tracing(environment: Mapping[str, str]) -> TracingOptions | None:
    """Read the tracing options; None when tracing is off.

    Raises:
        InvalidSettings: an option is not supported.
    """
    if not _is_wanted(environment):
        return None
    if environment.get("OTEL_TRACES_EXPORTER", "") not in {"", "otlp"}:
        raise InvalidSettings("OTEL_TRACES_EXPORTER: must be otlp or none")
    if _otlp(environment, "PROTOCOL") not in {"", "grpc"}:
        raise InvalidSettings(f"OTEL_EXPORTER_OTLP_PROTOCOL: must be grpc{_OFF}")
    return TracingOptions(
        endpoint=_endpoint(_otlp(environment, "ENDPOINT") or _DEFAULT_ENDPOINT),
        headers=_otlp(environment, "HEADERS"),
        service_name=environment.get("OTEL_SERVICE_NAME", ""),
        sampler=_sampler(environment.get("OTEL_TRACES_SAMPLER") or _DEFAULT_SAMPLER),
        ratio=_ratio(environment.get("OTEL_TRACES_SAMPLER_ARG") or "1"),
    )


def check_packages() -> None:
    """Check that the tracing packages are installed, without importing them.

    Raises:
        StartError: they are not.
    """
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.grpc")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise StartError(f"tracing requires more packages: pip install '.[tracing]'{_OFF}")


def _is_wanted(environment: Mapping[str, str]) -> bool:
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    if exporter == "none" or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return bool(exporter or _otlp(environment, "ENDPOINT"))


def _otlp(environment: Mapping[str, str], name: str) -> str:
    """Return a variable of the exporter; one for traces takes precedence over one for all signals."""
    return environment.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or environment.get(f"OTEL_EXPORTER_OTLP_{name}") or ""


def _endpoint(value: str) -> str:
    try:
        url = urlsplit(value)
        complete = url.scheme in _SCHEMES and url.hostname and url.port
    except ValueError:
        complete = False
    if not complete:
        raise InvalidSettings(f"OTEL_EXPORTER_OTLP_ENDPOINT: must be http://HOST:PORT, or https{_OFF}")
    return value


def _sampler(value: str) -> str:
    if value not in _SAMPLERS:
        raise InvalidSettings(f"OTEL_TRACES_SAMPLER: must be one of {', '.join(sorted(_SAMPLERS))}")
    return value


def _ratio(value: str) -> float:
    try:
        ratio = float(value)
    except ValueError:
        ratio = -1
    if not 0 <= ratio <= 1:
        raise InvalidSettings("OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1")
    return ratio
