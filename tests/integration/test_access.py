"""Every method with every kind of key, over every transport: who is let in is decided by the contract alone."""

import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.empty_pb2 import Empty
from google.rpc.code_pb2 import OK, PERMISSION_DENIED, UNAUTHENTICATED, Code
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status.rpc_status import from_call

from access import Keys, make_keys
from housing.example import BERKELEY
from housing.roles import GRANTED, role_of
from housing.routes import ROUTES, Route, methods_of
from housing.v1.annotations_pb2 import ROLE_ANYONE
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_service_pb2 import StreamPredictRequest, StreamPredictResponse
from running import TRANSPORTS, Service, running_gateway, running_service, transport_or_skip, wait_for
from tokens import Provider

CODEC = (Empty.SerializeToString, Empty.FromString)
METHODS = tuple(methods_of())
CALLERS = {
    "none": ("", "CREDENTIALS_MISSING"),
    "wrong": ("hk_000000000000_" + "A" * 43, "CREDENTIALS_INVALID"),
    "expired": ("expired", "CREDENTIALS_EXPIRED"),
    "revoked": ("revoked", "CREDENTIALS_INVALID"),
    "predict": ("predict", ""),
    "operate": ("operate", ""),
    "admin": ("admin", ""),
    "token of predict": ("", ""),
    "token of admin": ("", ""),
    "token without a role": ("", ""),
    "token that has expired": ("", "CREDENTIALS_EXPIRED"),
    "token for another service": ("", "CREDENTIALS_INVALID"),
    "token of another provider": ("", "CREDENTIALS_INVALID"),
}
"""The key of each kind of caller, and the reason for which it is refused whatever it calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A service that wants keys, and what is before it."""

    service: Service
    keys: Keys
    gateway_port: int
    provider: Provider
    """Whose tokens it accepts."""
    tokens: Mapping[str, str]
    """The tokens of some kinds of callers."""

    def key(self, caller: str) -> str:
        """The key of a kind of caller."""
        name, _ = CALLERS[caller]
        return self.tokens.get(caller) or self.keys.texts.get(name, name)


@pytest.fixture(scope="module", params=TRANSPORTS)
def guarded(
    request: pytest.FixtureRequest, state_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    """A service with each transport, and a gateway where there is none in it; it explains nothing."""
    transport = transport_or_skip(request.param)
    own = tmp_path_factory.mktemp("guarded")
    keys = make_keys(own / "keys.json")
    provider = Provider.make(own / "jwks.json")
    settings = {"transport": transport, "authentication": "on", "workers": 2} | provider.settings()
    with ExitStack() as stack:
        service = stack.enter_context(running_service(own, state_dir, **settings))
        service.command.wait_for("serving")
        port = service.gateway_port or stack.enter_context(running_gateway(service, own))
        yield Guarded(
            service=service, keys=keys, gateway_port=port, provider=provider, tokens=make_tokens(own, provider)
        )


def make_tokens(folder: Path, provider: Provider) -> dict[str, str]:
    """Make the token of each kind of caller."""
    return {
        "token of predict": provider.token("predict"),
        "token of admin": provider.token(["other", "admin"]),
        "token without a role": provider.token("other"),
        "token that has expired": provider.token("admin", exp=int(time.time()) - 600),
        "token for another service": provider.token("admin", aud="shop"),
        "token of another provider": Provider.make(folder / "others.json").token("admin"),
    }


def expected(method: MethodDescriptor, caller: str) -> str:
    """The reason for which a call is refused; empty when it is not."""
    role, (_, refusal) = role_of(method), CALLERS[caller]
    if role == ROLE_ANYONE:
        return ""
    granted = GRANTED.get(caller.removeprefix("token of "), ROLE_ANYONE)
    return refusal or ("" if granted >= role else "ROLE_REQUIRED")


def reason_of(status: Status | None) -> str:
    """The reason of a denial; empty for any other outcome."""
    info = ErrorInfo()
    if status is None or status.code not in {UNAUTHENTICATED, PERMISSION_DENIED}:
        return ""
    assert status.details[-1].Unpack(info)
    return str(info.reason)


@contextmanager
def over_grpc(port: int) -> Iterator[Callable[[MethodDescriptor, str], str]]:
    """Call a method with an empty message over gRPC; what is yielded returns the reason of the denial."""

    def call(method: MethodDescriptor, key: str) -> str:
        path, request = f"/{method.containing_service.full_name}/{method.name}", Empty()
        metadata = (("authorization", f"Bearer {key}"),) if key else ()
        try:
            if method.client_streaming:
                list(channel.stream_stream(path, *CODEC)(iter([request]), metadata=metadata, timeout=60))
            else:
                channel.unary_unary(path, *CODEC)(request, metadata=metadata, timeout=60)
        except grpc.RpcError as error:
            return reason_of(from_call(error))  # type: ignore[arg-type]  # every error of a call is a call
        return ""

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield call


@contextmanager
def over_grpc_web(port: int) -> Iterator[Callable[[MethodDescriptor, str], str]]:
    """The same over gRPC-Web, of which denials are headers alone."""

    def call(method: MethodDescriptor, key: str) -> str:
        path = f"/{method.containing_service.full_name}/{method.name}"
        headers = {"content-type": "application/grpc-web+proto"} | ({"x-api-key": key} if key else {})
        content = struct.pack(">BI", 0, 0)
        answer = http.post(path, content=content, headers=headers)
        code = int(answer.headers.get("grpc-status", OK))
        denied = code in {UNAUTHENTICATED, PERMISSION_DENIED}
        assert denied or Code.Name(code)
        return Code.Name(code) if denied else ""

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        yield call


@pytest.mark.parametrize("caller", CALLERS)
def test_methods_over_grpc_are_for_the_roles_of_the_contract(guarded: Guarded, caller: str) -> None:
    """On the port of gRPC, and through the gateway."""
    for port in (guarded.service.grpc_port, guarded.gateway_port):
        with over_grpc(port) as call:
            found = {method.full_name: call(method, guarded.key(caller)) for method in METHODS}
        assert found == {method.full_name: expected(method, caller) for method in METHODS}


@pytest.mark.parametrize("caller", CALLERS)
def test_methods_over_grpc_web_are_for_the_roles_of_the_contract(guarded: Guarded, caller: str) -> None:
    """With the key in a header of its own, as browsers send it."""
    codes = {"": "", "ROLE_REQUIRED": "PERMISSION_DENIED"}
    with over_grpc_web(guarded.gateway_port) as call:
        found = {method.full_name: call(method, guarded.key(caller)) for method in METHODS}
    assert found == {method.full_name: codes.get(expected(method, caller), "UNAUTHENTICATED") for method in METHODS}


@pytest.mark.parametrize("caller", CALLERS)
def test_routes_are_for_the_roles_of_the_contract(guarded: Guarded, caller: str) -> None:
    """As JSON, with status 401 or 403."""
    key = guarded.key(caller)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=f"http://127.0.0.1:{guarded.gateway_port}", headers=headers, timeout=60) as http:
        for route in ROUTES:
            status, reason = ask(http, route)
            wanted = expected(route.method, caller)
            assert reason == wanted, route.path
            assert status in ({403} if wanted == "ROLE_REQUIRED" else {401}) if wanted else status not in {401, 403}


def ask(http: httpx.Client, route: Route) -> tuple[int, str]:
    """Ask for a route; return the status, and the reason of a denial."""
    path = route.path.replace("{prediction_id}", "01a209c0-d079-75ce-90ba-a74272bcea12")
    answer = http.request(route.verb, path, json={} if route.verb == "POST" else None)
    denied = answer.status_code in {401, 403}
    return answer.status_code, answer.json()["details"][-1]["reason"] if denied else ""


def test_revoked_key_is_refused_in_an_open_stream(guarded: Guarded, block_group: BlockGroup) -> None:
    """A stream does not outlive its key: its next message is refused, and no service is restarted."""
    metadata = (("authorization", f"Bearer {guarded.keys.texts['doomed']}"),)

    def messages() -> Iterator[StreamPredictRequest]:
        yield StreamPredictRequest(block_group=block_group)
        guarded.keys.revoke("doomed")
        while True:
            yield StreamPredictRequest(block_group=block_group)

    with grpc.insecure_channel(guarded.service.target) as channel:
        call = channel.stream_stream(
            "/housing.v1.PredictionService/StreamPredict",
            StreamPredictRequest.SerializeToString,
            StreamPredictResponse.FromString,
        )
        answers = call(messages(), metadata=metadata, timeout=60)
        with pytest.raises(grpc.RpcError) as refusal:
            list(answers)
    status = from_call(refusal.value)  # type: ignore[arg-type]  # every error of a call is a call
    assert reason_of(status) == "CREDENTIALS_INVALID"


def test_denials_are_counted_and_logged_without_the_key(guarded: Guarded) -> None:
    """With the reason, and accepted calls with the name of the caller's key."""
    key = guarded.key("predict")
    request = {"authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{guarded.gateway_port}/api/predict"
    httpx.post(url, json=dict(BERKELEY), headers=request | {"x-request-id": "allowed"}, timeout=60)
    httpx.post(url, json=dict(BERKELEY), headers={"x-request-id": "denied"}, timeout=60)

    def line(request_id: str) -> dict[str, object] | None:
        return next((each for each in guarded.service.command.events("rpc") if each["request_id"] == request_id), None)

    assert wait_for(lambda: line("allowed"), "the line of an accepted call")["caller"] == "predict"
    denied = wait_for(lambda: line("denied"), "the line of a denied call")
    assert denied["code"] == "UNAUTHENTICATED"
    assert "credentials are required" in str(denied["reason"])
    metrics = httpx.get(f"http://127.0.0.1:{guarded.service.metrics_port}/metrics", timeout=60).text
    counted = 'housing_access_denials_total{grpc_service="housing.v1.PredictionService",reason="CREDENTIALS_MISSING"}'
    assert counted in metrics
    logged = str(guarded.service.command.events("rpc")) + guarded.service.command.errors + metrics
    assert not [name for name, text in guarded.keys.texts.items() if text[-43:] in logged]


def test_providers_keys_are_followed(guarded: Guarded) -> None:
    """A token of its new key is accepted, and one of the last key refused, by a service that runs on."""
    old = guarded.provider.token("predict")
    method = next(each for each in METHODS if each.name == "GetModel")
    with over_grpc(guarded.service.grpc_port) as call:
        assert call(method, old) == ""
        guarded.provider.rotate()
        assert (
            wait_for(lambda: call(method, old) or None, "a token of the last key to be refused")
            == "CREDENTIALS_INVALID"
        )
        assert wait_for(lambda: call(method, guarded.provider.token("predict")) == "" or None, "one of the new key")
