"""Installation and operation of peers."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from housing_benchmarks.asking import ask_over_grpc, ask_over_http, check_price
from housing_benchmarks.errors import BenchmarkError
from housing_benchmarks.ghz import GrpcLoad
from housing_benchmarks.h2load import HttpLoad
from housing_benchmarks.load import CONNECTIONS, Load
from housing_benchmarks.payloads import Payloads
from housing_benchmarks.peers import Peer
from housing_benchmarks.processes import PYTHON, Command, Server, answers, free_port, running, usage_of, wait_until_idle
from housing_benchmarks.programs import ROOT, run_program
from housing_benchmarks.trials import Trial

_FOLDER = ROOT / "benchmarks/peers"
_HOME = ROOT / ".tools/bench"
_INSTALL_SECONDS = 600.0
_PREPARE_SECONDS = 180.0
_START_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPeer:
    """A running peer."""

    peer: Peer
    server: Server
    """Its first process."""
    port: int
    payloads: Payloads
    """The requests."""

    def trial(self, scenario: str, in_flight: int, seconds: float) -> Trial:
        """Return a trial of single predictions with `in_flight` concurrent calls."""
        return Trial(
            scenario=scenario,
            contestant=self.peer.name,
            drive=lambda: self._load(in_flight, seconds).run(),
            usage=lambda: usage_of([self.server]),
        )

    def check(self) -> None:
        """Compare an answer with the Pipeline's own price, and warm the peer up.

        Raises:
            BenchmarkError: it returns an error, or another price.
        """
        home, row = _home(self.peer), self.payloads.body("row")
        command = [home / "venv/bin/python", _FOLDER / "price.py", home / "model.joblib", row]
        check_price(self._ask(), float(run_program(command, seconds=_PREPARE_SECONDS)))
        load: Load = self._load(in_flight=1, seconds=1).run()
        if load.failures:
            raise BenchmarkError(f"it returns errors: {dict(load.failures)}")

    def _ask(self) -> Any:
        body = json.loads(self._body().read_text("utf-8"))
        if self.peer.http_path:
            return ask_over_http(f"http://127.0.0.1:{self.port}{self.peer.http_path}", body)
        contract = _home(self.peer) / "contract.binpb"
        return ask_over_grpc(f"127.0.0.1:{self.port}", contract, self.peer.grpc_method, body)

    def _body(self) -> Path:
        return self.payloads.body(self.peer.folder, self.peer.body)

    def _load(self, in_flight: int, seconds: float) -> GrpcLoad | HttpLoad:
        body = self._body()
        if self.peer.http_path:
            url = f"http://127.0.0.1:{self.port}{self.peer.http_path}"
            return HttpLoad(url=url, payload=body, in_flight=in_flight, seconds=seconds)
        return GrpcLoad(
            target=f"127.0.0.1:{self.port}",
            protoset=_home(self.peer) / "contract.binpb",
            method=self.peer.grpc_method,
            payload=body,
            in_flight=in_flight,
            connections=min(in_flight, CONNECTIONS),
            seconds=seconds,
        )


def install(peer: Peer, table: Path) -> None:
    """Create a peer's environment, fit its Pipeline and run its preparation script.

    Raises:
        ProgramFailed: a step failed.
    """
    home = _home(peer)
    uv = Path(PYTHON).with_name("uv")
    if not (home / "venv").exists():
        run_program([uv, "venv", "--python", PYTHON, home / "venv"], seconds=_PREPARE_SECONDS)
    python = home / "venv/bin/python"
    requirements = _FOLDER / peer.folder / "requirements.txt"
    command: list[str | Path] = [uv, "pip", "install", "--python", python, "--compile-bytecode", "-r", requirements]
    run_program(command, seconds=_INSTALL_SECONDS, environment=_package_index())
    for script in (_FOLDER / "fit.py", *([_FOLDER / peer.folder / peer.prepare] if peer.prepare else [])):
        run_program([python, script, table, home], seconds=_PREPARE_SECONDS)


@contextmanager
def running_peer(peer: Peer, payloads: Payloads, workers: int) -> Iterator[RunningPeer]:
    """Run a peer until the end of the block.

    Raises:
        ServerNotReady: it did not start.
    """
    home, port, side_port, metrics_port = _home(peer), free_port(), free_port(), free_port()

    def filled(text: str) -> str:
        return text.format(port=port, side_port=side_port, metrics_port=metrics_port, workers=workers, home=home)

    program, *arguments = map(filled, peer.command)
    command = Command(
        arguments=[home / "venv/bin" / program, *arguments],
        environment={name: filled(value) for name, value in peer.environment.items()}
        | {"PATH": f"{home / 'venv/bin'}{os.pathsep}{os.environ['PATH']}"},
        folder=_FOLDER / peer.folder,
    )
    ready = answers(f"http://127.0.0.1:{port if peer.http_path else side_port}{peer.ready_path}")
    with running(command, payloads.folder / f"{peer.folder}.log", ready, patience=_START_SECONDS) as server:
        # The first ready worker answers for all of them.
        wait_until_idle(lambda: usage_of([server]), patience=_START_SECONDS)
        yield RunningPeer(peer=peer, server=server, port=port, payloads=payloads)


def write_training_table(folder: Path) -> Path:
    """Write the prepared training rows as CSV, which every peer's pandas reads.

    Raises:
        BenchmarkError: they have not been prepared.
    """
    rows = ROOT / "data/processed/train.parquet"
    if not rows.exists():
        raise BenchmarkError(f"{rows} is missing: run `housing train` first")
    table = folder / "train.csv"
    pd.read_parquet(rows).to_csv(table, index=False)
    return table


def _home(peer: Peer) -> Path:
    return _HOME / peer.folder


def _package_index() -> dict[str, str]:
    """Return the environment variable by which uv uses pip's configured index, as `make install` does."""
    try:
        index = run_program([PYTHON, "-m", "pip", "config", "get", "global.index-url"], seconds=60).strip()
    except BenchmarkError:
        return {}
    return {"UV_DEFAULT_INDEX": index}
