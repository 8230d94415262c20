"""Envoy's configuration: the template beside this module, filled in from settings and from the contract."""

import json
from pathlib import Path
from string import Template

from housing.contract import FEATURE_NAMES, SERVICES, descriptor_set
from housing_server.errors import StartError
from housing_server.gateway.tracing import tracing_values
from housing_server.observability.tracing_options import TracingOptions
from housing_server.settings import GatewaySettings

_HERE = Path(__file__).parent


def render(settings: GatewaySettings, tracing: TracingOptions | None, folder: Path) -> Path:
    """Write Envoy's configuration, and what it refers to, into a folder; return the configuration's path.

    Raises:
        StartError: Envoy cannot send traces as the options ask.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptors, errors, config = ((folder / name).absolute() for name in ("housing.binpb", "errors.lua", "envoy.yaml"))
    template = Template((_HERE / "envoy.yaml").read_text(encoding="utf-8"))
    fields = ", ".join(f'"{name}"' for name in FEATURE_NAMES)
    values = settings.model_dump() | tracing_values(tracing)
    values |= {"descriptor_set": descriptors, "services": json.dumps(SERVICES), "errors_lua": errors}
    descriptors.write_bytes(descriptor_set().SerializeToString())
    script = (_HERE / "errors.lua").read_text(encoding="utf-8")
    errors.write_text(f"local FIELDS = {{ {fields} }}\n{script}", encoding="utf-8")
    config.write_text(template.substitute(values), encoding="utf-8")
    return config
