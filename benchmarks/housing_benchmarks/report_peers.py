"""The peer tables of the report."""

from housing_benchmarks import names
from housing_benchmarks.figures import cpu_per_call, p50, throughput
from housing_benchmarks.peers import PEERS
from housing_benchmarks.results import Results
from housing_benchmarks.tables import MILLI, number, ratio, table


def compare_peers(results: Results) -> str:
    """Render the comparison of the service with its peers, and the peers that could not be measured."""
    missing = {peer.name: results.absent[peer.name] for peer in PEERS if peer.name in results.absent}
    if not missing and not any(results.of((names.against(peer.name), peer.name)) for peer in PEERS):
        return "Not measured in this run: `make bench` does."
    headings = (
        "peer",
        "gRPC",
        "JSON inside Envoy",
        "JSON through a gateway",
        "p50 alone",
        "CPU a call",
        "its calls/s",
        "its p50 ms alone",
    )
    rows = [_peer(results, peer.name) for peer in PEERS]
    absent = [f"- {peer}: {why}" for peer, why in missing.items()]
    note = (
        "Throughput of the service relative to the peer's, over gRPC and with JSON, saturated; and the "
        "peer's latency and CPU per call relative to the service's.\n\n"
    )
    plot = "\n\n![Peers](plots/peers.svg)"
    return note + table(headings, rows) + plot + ("\n\nNot measured:\n\n" + "\n".join(absent) if absent else "")


def _peer(results: Results, peer: str) -> tuple[str, ...]:
    saturated, alone = names.against(peer), names.alone(peer)
    theirs = (saturated, peer)
    return (
        peer,
        ratio(results.ratio(throughput, (saturated, names.HOUSING), theirs)),
        ratio(results.ratio(throughput, (saturated, names.JSON_INSIDE), theirs)),
        ratio(results.ratio(throughput, (saturated, names.JSON), theirs)),
        ratio(results.ratio(p50, (alone, peer), (alone, names.HOUSING))),
        ratio(results.ratio(cpu_per_call, theirs, (saturated, names.HOUSING))),
        number(results.typical(theirs, throughput)),
        number(results.typical((alone, peer), p50), MILLI),
    )
