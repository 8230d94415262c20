"""The gateway's processes: what they listen on, what they ignore of the environment, and how they end."""

import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from fronts import ROW
from running import gateway_command, has_ipv6, wait_for
from upstreams import PRICE, running_upstream


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_gateway_listens_and_calls_by_ipv6(tmp_path: Path) -> None:
    """JSON, the page and metrics, before a server on an address of IPv6."""
    hosts = {"gateway_host": "::1", "grpc_host": "::1", "metrics_host": "::1"}
    with (
        running_upstream("::1") as upstream,
        gateway_command(upstream, tmp_path, gateway_threads=1, **hosts) as gateway,
        httpx.Client(base_url=f"http://[::1]:{gateway.port}", timeout=60, trust_env=False) as http,
    ):
        wait_for(lambda: True if http.get("/health").status_code == 200 else None, "a healthy upstream")
        assert http.post("/api/predict", json=ROW).json()["median_house_value"] == PRICE
        assert http.get("/").status_code == 200
        assert "envoy_" in http.get("/gateway/metrics").text


def test_gateway_ignores_proxies_and_leaves_nothing_running_when_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment cannot reach this machine's loopback; and `kill -9` of the launcher ends Envoy."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with (
        running_upstream() as upstream,
        gateway_command(upstream, tmp_path, gateway_threads=1) as gateway,
        httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=60, trust_env=False) as http,
    ):
        wait_for(lambda: True if http.get("/health").status_code == 200 else None, "a healthy upstream")
        assert http.post("/api/predict", json=ROW).json()["median_house_value"] == PRICE
        children = psutil.Process(gateway.command.pid).children(recursive=True)
        assert children
        os.kill(gateway.command.pid, signal.SIGKILL)
        gateway.command.exit_code()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not alive
