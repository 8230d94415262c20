"""The files that Envoy itself serves to browsers."""

import re
from pathlib import Path
from typing import Any

import pytest

from housing_server.gateway.config import Front, configuration
from housing_server.gateway.pages import MAX_FILE_BYTES, WEB, files
from housing_server.limits import MAX_BODY_BYTES
from running import ROOT

MAX_TOTAL_BYTES = 300_000


@pytest.fixture(name="routes")
def gateway_routes(tmp_path: Path) -> list[dict[str, Any]]:
    """The routes of a gateway."""
    front = Front(host="127.0.0.1", port=8080, metrics_host="127.0.0.1", metrics_port=9464, heap_mb=384)
    config = configuration(front, None, tmp_path, tmp_path / "admin.sock")
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][-1]["typed_config"]
    assert manager["route_config"]["max_direct_response_body_size_bytes"] == MAX_FILE_BYTES < MAX_BODY_BYTES
    (host,) = manager["route_config"]["virtual_hosts"]
    found: list[dict[str, Any]] = [route for route in host["routes"] if "direct_response" in route]
    return found


def test_every_file_has_a_route_for_callers_with_and_without_a_copy(routes: list[dict[str, Any]]) -> None:
    """The first of the two is for those with the current copy: 304."""
    found = [(route["match"]["path"], route["direct_response"]["status"]) for route in routes]
    assert found == [(path, status) for path in files() for status in (304, 200)]


def test_pages_are_small() -> None:
    """A phone on a slow line gets them; Envoy keeps them in memory."""
    sizes = {path: file.stat().st_size for path, file in files().items() if path != "/openapi.json"}
    assert max(sizes.values()) <= MAX_FILE_BYTES
    assert sum(sizes.values()) < MAX_TOTAL_BYTES


@pytest.mark.parametrize("file", sorted(WEB.rglob("*.html")), ids=lambda path: path.name)
def test_page_has_neither_scripts_nor_styles_within_nor_anything_from_elsewhere(file: Path) -> None:
    """The policy would block them."""
    text = file.read_text("utf-8")
    assert re.findall(r"<script(?! type=\"module\" src=\"/web/)|<style|style=|\son\w+=|https?://", text) == []
    assert set(re.findall(r"(?:src|href)=\"(/[^\"]*)", text)) <= set(files())


def test_alerts_of_the_page_are_those_of_prometheus() -> None:
    """Each that the page may show is a rule, and in the runbook, by the same name."""
    shown = set(re.findall(r'\["([A-Z]\w+)", ', (WEB / "js/ops_alerts.js").read_text("utf-8")))
    rules = "".join(path.read_text("utf-8") for path in (ROOT / "monitoring/prometheus/rules").glob("*.yml"))
    assert len(shown) > 10
    assert shown <= set(re.findall(r"alert: (\w+)", rules))


@pytest.mark.parametrize("file", sorted(WEB.rglob("*.js")), ids=lambda path: path.name)
def test_module_imports_only_what_is_served(file: Path) -> None:
    """Each import names a file beside it, and what an answer contains never becomes markup."""
    text = file.read_text("utf-8")
    for name in re.findall(r'from "([^"]+)"', text):
        assert (file.parent / name).is_file(), name
    assert "innerHTML" not in text
