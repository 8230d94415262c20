"""Clients that are not ours judge the second transport: gRPC's interoperability client, and h2spec."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from conformance.listening import listening
from running import ROOT, tool, transport_or_skip

HERE = ROOT / "tests/conformance"
CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "rpc_soak",
    "channel_soak",
)
"""All that the client has, but those about credentials, load balancing and load reports: this server has none."""

STREAM_ENDED = "frames on a stream that has ended are dropped; a peer cannot always know that it has"
CLOSED_WITHOUT_GOAWAY = "the connection is closed, which is all that a peer needs, without a GOAWAY"
GOING_AWAY = "after a peer's GOAWAY its PING is not answered; what it has called is"
NOT_OUR_PRIORITY = "priorities are not used, nor looked at"
DIFFERENCES = {
    "generic/3.8/1": GOING_AWAY,
    "http2/3.5/2": "what does not begin as HTTP/2 is refused as HTTP/1.1, which the port understands as well",
    "http2/5.1/8": STREAM_ENDED,
    "http2/5.1/9": STREAM_ENDED,
    "http2/5.1/11": STREAM_ENDED,
    "http2/5.1/12": STREAM_ENDED,
    "http2/5.1.1/2": "a stream whose number is lower than the last one's is answered rather than refused",
    "http2/5.3.1/2": NOT_OUR_PRIORITY,
    "http2/5.4.1/2": CLOSED_WITHOUT_GOAWAY,
    "http2/6.3/1": NOT_OUR_PRIORITY,
    "http2/6.9.1/2": CLOSED_WITHOUT_GOAWAY,
    "http2/6.9.1/3": CLOSED_WITHOUT_GOAWAY,
    "http2/7/1": GOING_AWAY,
}
"""Where Envoy, whose HTTP/2 it is, does otherwise than h2spec expects, and how."""
GROUPS = {"Generic": "generic", "Hypertext": "http2", "HPACK": "hpack"}
"""The parts of h2spec, by the first words of their titles."""
TRIES = 3
"""Some cases are races between a frame and the answer to the one before it, or need an answer within a second."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an Envoy with gRPC's test service in it."""
    transport_or_skip("envoy")
    folder = tmp_path_factory.mktemp("messages")
    protos = [f"-I{ROOT / 'protos/third_party'}", f"-I{HERE}", str(HERE / "interop.proto")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *protos, f"--python_out={folder}"], check=True)
    with listening("conformance.interop_service:application", folder) as chosen:
        yield chosen


@pytest.mark.parametrize("case", CASES)
def test_interoperability_case_passes(port: int, case: str) -> None:
    """The client of gRPC's own project finds what it expects of any server."""
    client = tool("grpc-interop-client", "make tools builds it, with Go")
    command = [client, "--server_host", "127.0.0.1", "--server_port", str(port), "--test_case", case]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[:1000]


def test_http2_is_as_specified(port: int, tmp_path: Path) -> None:
    """The listener passes all of h2spec, but for what DIFFERENCES says."""
    h2spec = tool("h2spec", "make tools builds it, with Go")
    cases = all_cases(h2spec)
    assert set(DIFFERENCES) < set(cases)
    left = set(cases) - set(DIFFERENCES)
    for _ in range(TRIES):
        done = passed(h2spec, port, left, tmp_path / "report.xml") if left else set()
        left = {case for case in left if cases[case] not in done}
    assert not left


def all_cases(h2spec: str) -> dict[str, tuple[str, str]]:
    """Return the section and the title of each case by its id, such as `http2/6.9.1/2`, as a dry run prints them."""
    titles = subprocess.run([h2spec, "--dryrun", "--strict"], capture_output=True, text=True, check=True).stdout
    group = section = ""
    cases = {}
    for line in titles.splitlines():
        group = GROUPS.get(re.split(r"\W", line)[0], group)
        if found := re.match(r" +([\d.]+)\. ", line):
            section = f"{group}/{found[1]}"
        elif found := re.match(r" +(\d+): (.*)", line):
            cases[f"{section}/{found[1]}"] = section, found[2]
    return cases


def passed(h2spec: str, port: int, cases: Iterable[str], report: Path) -> set[tuple[str, str]]:
    """Run cases, in the order of their ids; return the section and the title of those that have passed."""
    command = [h2spec, "--strict", "--port", str(port), "--timeout", "1", "--junit-report", str(report)]
    subprocess.run([*command, *sorted(cases)], capture_output=True, check=False)
    # What a server has sent is in the report as it came.
    text = re.sub(rb"[^\t\n\x20-\x7e]", b"?", report.read_bytes())
    cases_run = ET.fromstring(text).iter("testcase")  # noqa: S314 - written by a program that this test has started
    return {(case.get("package", ""), case.get("classname", "")) for case in cases_run if not list(case)}
