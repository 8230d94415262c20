"""JSON bodies through the real gateway to a server that remembers what it was asked: the same meaning, or a refusal."""

import http.client
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from housing.example import BERKELEY
from housing.services import SERVICES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.explanation_service_pb2 import ExplainRequest
from housing.v1.outcome_service_pb2 import RecordOutcomesRequest
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest
from running import running_gateway, wait_for
from strict_json import BODIES, damaged_bodies, read_strictly, refusal_from_status

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
"""How many damaged bodies are sent; `make fuzz` sends more."""
FUZZING = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
HEADER_FUZZING = settings(FUZZING, max_examples=EXAMPLES // 4)

BATCH = "/api/predict/batch"
READERS: Mapping[str, Callable[[bytes], Message]] = {
    "/api/predict": lambda body: PredictRequest(block_group=read_strictly(body, BlockGroup())),
    BATCH: lambda body: read_strictly(body, BatchPredictRequest()),
    "/api/explain": lambda body: ExplainRequest(block_group=read_strictly(body, BlockGroup())),
    "/api/outcomes": lambda body: read_strictly(body, RecordOutcomesRequest()),
}
"""What each route's body means, by Python's own readers."""


class RememberingServer(grpc.GenericRpcHandler):
    """Answers each call of the contract with an empty message, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """Serve the contract's services."""
        known = handler_call_details.method.startswith("/housing.v1.")
        return grpc.unary_unary_rpc_method_handler(self._remember) if known else None

    def _remember(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        self.asked.append(request)
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a request."""

    status: int
    """HTTP status."""
    headers: bytes
    """Its headers."""
    body: bytes
    """Its body."""
    asked: list[bytes] = field(default_factory=list)
    """The messages that reached the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedGateway:
    """A gateway, and the server behind it."""

    port: int
    """Port of the gateway."""
    server: RememberingServer
    """The server."""

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a body and return what became of it."""
        self.server.asked.clear()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(
                status=answer.status,
                headers=answer.headers.as_bytes(),
                body=answer.read(),
                asked=list(self.server.asked),
            )
        finally:
            connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where a gateway finds a server."""

    grpc_port: int
    """Port of the gRPC services."""
    metrics_port: int
    """Port of metrics and the page; nobody listens there."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RememberedGateway]:
    """A gateway in front of a server that remembers."""
    remembering, health = RememberingServer(), HealthServicer()
    for service in SERVICES:
        health.set(service, HealthCheckResponse.SERVING)
    server = grpc.server(ThreadPoolExecutor(2), handlers=[remembering])
    add_HealthServicer_to_server(health, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with running_gateway(Ports(grpc_port=port, metrics_port=9), tmp_path_factory.mktemp("gateway")) as gateway_port:
        started = RememberedGateway(port=gateway_port, server=remembering)
        wait_for(lambda: started if started.post(BATCH, BODIES[BATCH][0]).status == 200 else None, "a healthy server")
        yield started
    server.stop(None).wait()


def assert_holds(answer: Answer, path: str, body: bytes) -> None:
    """A request is refused before it reaches the server, or reaches it with just the meaning of its body."""
    if answer.status == 200:
        meant = READERS[path](body)
        assert [type(meant).FromString(asked) for asked in answer.asked] == [meant]
    else:
        assert answer.status in {400, 413}
        assert not answer.asked


@pytest.mark.parametrize("path", READERS)
def test_whole_bodies_keep_their_meaning(path: str, gateway: RememberedGateway) -> None:
    """Every route with a body passes on what was asked, in either spelling of names."""
    for body in BODIES[path]:
        answer = gateway.post(path, body)
        assert answer.status == 200
        assert_holds(answer, path, body)


ROW = json.dumps(dict(BERKELEY))


@pytest.mark.parametrize(
    ("path", "body", "field", "rule"),
    [
        (BATCH, f'{{"block_groups": [{ROW}, null, {ROW}]}}', "block_groups[1]", "json.type"),
        (BATCH, f'{{"block_groups": [{ROW}, [{ROW}]]}}', "block_groups[1]", "json.type"),
        (BATCH, f'{{"block_groups": {ROW}}}', "block_groups", "json.type"),
        (BATCH, f'{{"block_groups": [{ROW},]}}', "block_groups", "json.syntax"),
        (BATCH, f'{{"block_groups": [{ROW}], "partial_results": "yes"}}', "partial_results", "json.type"),
        (BATCH, '{"block_groups": [{"latitude": "37.88"}]}', "block_groups[0].latitude", "json.type"),
        (BATCH, '{"block_groups": [{"latitude": "NaN"}]}', "block_groups[0].latitude", "json.type"),
        (BATCH, '{"block_groups": [{"latitude": NaN}]}', "block_groups[0].latitude", "json.syntax"),
        (BATCH, '{"block_groups": [{"latitude": 037}]}', "block_groups[0].latitude", "json.syntax"),
        (
            BATCH,
            '{"block_groups": [{"latitude": 1, "latitude": 2}]}',
            "block_groups[0].latitude",
            "json.duplicate_field",
        ),
        (BATCH, '{"block_groups": [{"total_bedroms": 1}]}', "block_groups[0]", "json.unknown_field"),
        (BATCH, "{'block_groups': []}", "", "json.syntax"),
        (BATCH, "{block_groups: []}", "", "json.syntax"),
        (
            BATCH,
            '{"block_groups": [{"ocean_proximity": "\\ud800"}]}',
            "block_groups[0].ocean_proximity",
            "json.encoding",
        ),
        (BATCH, f"\ufeff{ROW}", "", "json.encoding"),
        (BATCH, f"[{ROW}]", "", "json.type"),
        (BATCH, "", "", "json.syntax"),
        ("/api/predict", f"{ROW} {ROW}", "", "json.syntax"),
        ("/api/predict", f'{{"block_group": {ROW}}}', "", "json.unknown_field"),
        ("/api/predict", '{"population": {"value": 1}}', "population", "json.type"),
        ("/api/explain", '{"population": [1]}', "population", "json.type"),
        (
            "/api/outcomes",
            '{"outcomes": [{"median_house_value": "452,600"}]}',
            "outcomes[0].median_house_value",
            "json.type",
        ),
        ("/api/outcomes", '{"outcomes": [null]}', "outcomes[0]", "json.type"),
    ],
)
def test_what_is_not_exactly_the_message_is_refused(
    path: str, body: str, field: str, rule: str, gateway: RememberedGateway
) -> None:
    """Each kind of body that was once dropped or bent in silence is refused with its path, on every route."""
    answer = gateway.post(path, body.encode())
    assert (answer.status, answer.asked) == (400, [])
    refusal = refusal_from_status(json.loads(answer.body))
    assert (refusal.field, refusal.rule) == (field, rule)


@pytest.mark.parametrize(
    "body", ['{"total_bedrooms": null, "longitude": -122}', '{"totalBedrooms": null, "longitude": -122.0}']
)
def test_null_leaves_a_field_unset(body: str, gateway: RememberedGateway) -> None:
    """Null is how JSON leaves a field out, whether it is required or not: the server says which is."""
    answer = gateway.post("/api/predict", body.encode())
    assert [PredictRequest.FromString(asked) for asked in answer.asked] == [
        PredictRequest(block_group=BlockGroup(longitude=-122))
    ]


@FUZZING
@given(sent=st.sampled_from(list(READERS)).flatmap(lambda path: st.tuples(st.just(path), damaged_bodies(path))))
@example(sent=(BATCH, b'{"block_groups": [{}, null, {}]}'))
@example(sent=(BATCH, b'{"block_groups": [{"longitude": 12345678901234567890}]}'))
@example(sent=(BATCH, b'{"block_groups": [{"longitude": 0.1000000000000000055511151231257827021181583404541015625}]}'))
def test_damaged_bodies_keep_their_meaning_or_are_refused(gateway: RememberedGateway, sent: tuple[str, bytes]) -> None:
    """Nothing is dropped or bent on the way, and nothing fails."""
    path, body = sent
    assert_holds(gateway.post(path, body), path, body)


HEADERS = {
    "content-type": [
        "application/json",
        "text/plain",
        "application/grpc;x",
        "application/grpcx",
        "",
        "\xe9",
        "*/*; q=x",
    ],
    "accept": ["*/*", "text/html", "application/grpc", "\xff", ""],
    "x-request-id": ["1", "\xe9", "x" * 3000, "../..", "'; DROP"],
    "traceparent": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-x", "ff"],
    "x-http-method-override": ["GET", "DELETE"],
    "x-envoy-original-path": ["/health"],
    "x-forwarded-for": ["::1", "nowhere"],
    "authorization": ["Basic secret", "Bearer secret"],
    "cookie": ["a=b; c=" + "x" * 3000],
    "origin": ["null", "https://example.org"],
    "te": ["trailers", "gzip"],
    "expect": ["nothing"],
    "grpc-timeout": ["abc", "-1S", "99999999999H", "10S"],
    "grpc-encoding": ["nope", "gzip"],
    "grpc-accept-encoding": ["\xe9"],
    "foo-bin": ["***", "AAAA"],
    "content-encoding": ["identity", "br"],
    "x-envoy-upstream-rq-timeout-ms": ["0", "many"],
}
"""Headers that a request may carry, and values that might upset somebody."""


@HEADER_FUZZING
@given(headers=st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in HEADERS.items()}))
def test_headers_change_no_meaning(gateway: RememberedGateway, headers: dict[str, str]) -> None:
    """Whatever headers come with it, a batch with a null is refused, and a good one reaches the server whole or not."""
    bad, good = b'{"block_groups": [{}, null, {}]}', BODIES[BATCH][0]
    refused, answer = gateway.post(BATCH, bad, headers), gateway.post(BATCH, good, headers)
    assert not refused.asked
    assert [BatchPredictRequest.FromString(asked) for asked in answer.asked] in ([], [READERS[BATCH](good)])
    for each in (refused, answer):
        assert each.status < 500
        assert b"secret" not in each.headers + each.body


@pytest.mark.parametrize(
    "path",
    [
        "/api/predict/batch/",
        "/api/predict/batch//",
        "//api/predict/batch",
        "/api/./predict/batch",
        "/api/predict/b%61tch",
        "/api/predict:batch",
        "/api/predict%2Fbatch",
        "/api/predict/batch;x",
        "/API/predict/batch",
        "/api/predict/batch%3F",
    ],
)
def test_no_other_spelling_of_a_path_evades_the_check(path: str, gateway: RememberedGateway) -> None:
    """A path that the transcoder takes for a route's is the route's for the check as well."""
    answer = gateway.post(path, b'{"block_groups": [{}, null, {}]}')
    assert answer.status in {400, 404}
    assert not answer.asked


@pytest.mark.parametrize("query", ["block_groups.longitude=1", "blockGroups.longitude=1", "partial_results=true", "x"])
def test_query_beside_a_body_is_refused(query: str, gateway: RememberedGateway) -> None:
    """A query cannot add a row to a batch, nor change a field of it."""
    answer = gateway.post(f"{BATCH}?{query}", BODIES[BATCH][0])
    assert answer.status == 400
    assert b"query" in answer.body
    assert not answer.asked


def test_nothing_of_a_refused_request_is_repeated(gateway: RememberedGateway) -> None:
    """Names, values, headers and queries of the caller are not in the answer."""
    for body in (b'{"secret": 1}', b'{"block_groups": [{"secret": 1}]}', b'{"block_groups": "secret"}', b"secret"):
        for path in (BATCH, f"{BATCH}?secret=secret"):
            answer = gateway.post(path, body, {"x-secret": "secret", "authorization": "Bearer secret"})
            assert answer.status == 400
            assert b"secret" not in answer.headers + answer.body


def test_eight_megabytes_of_digits_are_refused(gateway: RememberedGateway) -> None:
    """A number too long to be one is refused by its length, and never parsed."""
    answer = gateway.post(BATCH, b'{"block_groups": [{"longitude": ' + b"1" * 8_000_000 + b"}]}")
    assert answer.status == 400
    assert b'"field":"block_groups[0].longitude"' in answer.body
    assert b'"reason":"json.number"' in answer.body
