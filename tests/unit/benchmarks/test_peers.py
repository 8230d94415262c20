"""The peers are complete."""

import pytest

from housing_benchmarks.marks import PEER_MARKS
from housing_benchmarks.peers import PEERS, Peer
from housing_benchmarks.programs import ROOT

FOLDER = ROOT / "benchmarks/peers"


def test_each_peer_has_a_mark() -> None:
    """And no mark is left of a peer that is gone."""
    assert set(PEER_MARKS) == {peer.name for peer in PEERS}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_pin_what_they_install(peer: Peer) -> None:
    """The same versions are measured everywhere, and all have the same scikit-learn and XGBoost."""
    lines = (FOLDER / peer.folder / "requirements.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all("==" in pin for pin in pins)
    assert {"scikit-learn==1.9.1", "xgboost-cpu==3.2.0"} <= set(pins)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_are_asked_one_way(peer: Peer) -> None:
    """Over HTTP or over gRPC, and their code is there."""
    assert bool(peer.http_path) != bool(peer.grpc_method)
    scripts = [part for part in (*peer.command, peer.prepare) if part.endswith(".py")]
    assert all((FOLDER / peer.folder / script).is_file() for script in scripts)
