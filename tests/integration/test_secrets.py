"""What a running service shows: secrets in none of its output, and no port to other machines."""

from pathlib import Path

import httpx
import psutil

from access import make_keys
from housing.example import BERKELEY
from running import port_of_nobody, running_service, transport_or_skip, wait_for
from tokens import Provider

CANARY = "canary-7d02"


def test_secrets_are_in_no_output(state_dir: Path, tmp_path: Path) -> None:
    """A store that is down, calls with good and bad keys: no log line, metric, answer or argument has a secret."""
    keys, file = make_keys(tmp_path / "keys.json"), tmp_path / "url"
    provider = Provider.make(tmp_path / "jwks.json")
    tokens = [provider.token("admin"), provider.token("admin", exp=1), provider.token("admin", aud="other")]
    with port_of_nobody() as port:
        file.write_text(f"postgresql://user:{CANARY}@127.0.0.1:{port}/log?password={CANARY}", "utf-8")
        settings = {"transport": transport_or_skip("envoy"), "authentication": "on", "prediction_log_file": file}
        settings |= provider.settings()
        with running_service(tmp_path, state_dir, **settings) as service:
            shown = _answers(service.gateway_port, service.metrics_port, [*keys.texts.values(), *tokens])
            shown += _arguments(service.command.pid)
            assert _listening(service.command.pid) == {"127.0.0.1"}
            wait_for(lambda: service.command.events("rpc") or None, "calls that are logged")
            service.command.wait_for("the prediction log's store is not writable; answers wait in the journals")
        shown += service.command.output + service.command.errors
    assert "not writable" in shown
    assert "the service's log says why" in shown
    secrets = [CANARY, *(text[-43:] for text in (*keys.texts.values(), *tokens))]
    assert not [secret for secret in secrets if secret in shown]


def _answers(port: int, metrics_port: int, keys: list[str]) -> str:
    """Call with every key, well and badly, and return what is answered, with state and metrics."""
    shown = ""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:

        def state() -> str | None:
            found = http.get("/health").text
            return found if "log says why" in found else None

        shown += wait_for(state, "a state that says that the store is down")
        for key in keys:
            for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}, {"authorization": key}):
                shown += http.post("/api/predict", json=dict(BERKELEY), headers=headers).text
                shown += http.get("/api/logs/predictions", headers=headers).text
    for path in ("/metrics", "/gateway/metrics", "/readyz"):
        shown += httpx.get(f"http://127.0.0.1:{metrics_port}{path}", timeout=60).text
    return shown


def _arguments(pid: int) -> str:
    """Return the command lines of a process and its children."""
    process = psutil.Process(pid)
    return str([each.cmdline() for each in (process, *process.children(recursive=True))])


def _listening(pid: int) -> set[str]:
    """Return the addresses that a process and its children listen on."""
    process = psutil.Process(pid)
    found = [each.net_connections("tcp") for each in (process, *process.children(recursive=True))]
    return {each.laddr.ip for connections in found for each in connections if each.status == psutil.CONN_LISTEN}
