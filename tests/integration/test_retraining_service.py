"""Retrainings and versions of the model over the real service: in JSON and gRPC, by each transport."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from housing.v1 import model_service_pb2 as model_pb
from housing.v1 import retraining_service_pb2 as pb
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.retraining_service_pb2_grpc import RetrainingServiceStub
from model_versions import versions  # noqa: F401 - a fixture
from registries import copied, point_alias
from running import TRANSPORTS, Service, running_gateway, running_service, transport_or_skip, wait_for

NOBODY = "019caefa-2400-7000-8000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A service, and both kinds of clients."""

    service: Service
    """The service."""
    folder: Path
    """Its state folder."""
    http: httpx.Client
    """JSON."""
    channel: grpc.Channel
    """GRPC."""

    @property
    def models(self) -> ModelServiceStub:
        """The service of models."""
        return ModelServiceStub(self.channel)

    @property
    def retrainings(self) -> RetrainingServiceStub:
        """The service of retrainings."""
        return RetrainingServiceStub(self.channel)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Post JSON; return status, and the reason of a refusal or else the response."""
        response = self.http.post(path, json=body)
        content = response.json()
        return response.status_code, content if response.is_success else content["details"][-1]["reason"]

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The audit trail."""
        found: list[dict[str, Any]] = self.http.get("/api/models/changes").json()["changes"]
        return found


@pytest.fixture(scope="module", params=TRANSPORTS)
def served(
    request: pytest.FixtureRequest,
    versions: Path,  # noqa: F811 - the fixture
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """A service with a registry of five versions, of which the first is the champion."""
    transport = transport_or_skip(request.param)
    folder = copied(versions, tmp_path_factory.mktemp("served"))
    with ExitStack() as stack:
        service = stack.enter_context(running_service(folder, model_poll_seconds=0, transport=transport))
        service.command.wait_for("serving")
        port = service.gateway_port
        if not port:
            port = stack.enter_context(running_gateway(service, tmp_path_factory.mktemp("gateway")))
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60))
        channel = stack.enter_context(grpc.insecure_channel(service.target))
        yield Served(service=service, folder=folder, http=http, channel=channel)


def test_versions_are_listed_and_one_is_promoted_and_rolled_back(served: Served) -> None:
    """The served model follows each change, and the trail has who, from, to and why."""
    listed = served.models.ListModelVersions(model_pb.ListModelVersionsRequest())
    assert [each.version for each in listed.versions] == ["5", "4", "3", "2", "1"]
    assert (listed.alias, listed.champion_version, listed.versions[-1].test_rmse) == ("champion", "1", 50_000)

    status, answer = served.post("/api/models/2:promote", {"reason": "it is steeper", "changed_by": "a test"})
    assert (status, answer["change"]["from_version"], answer["change"]["to_version"]) == (200, "1", "2")
    served.service.command.send(signal.SIGHUP)
    wait_for(lambda: served.http.get("/api/model").json()["model"]["version"] == "2" or None, "version 2")

    assert served.post("/api/models/2:promote", {"reason": "again"}) == (200, {})
    change = served.models.RollbackModel(model_pb.RollbackModelRequest(reason="too steep", champion_version="2")).change
    assert (change.kind, change.from_version, change.to_version) == (model_pb.MODEL_CHANGE_KIND_ROLLBACK, "2", "1")
    served.service.command.send(signal.SIGHUP)
    wait_for(lambda: served.http.get("/api/model").json()["model"]["version"] == "1" or None, "version 1")
    assert [each["reason"] for each in served.changes[:2]] == ["too steep", "it is steeper"]

    assert served.post("/api/models/2:promote", {"reason": "again"}) == (400, "MODEL_VERSION_REFUSED")
    assert "rolled back" in served.http.get("/api/models").json()["versions"][3]["objection"]


def test_change_that_cannot_be_made_says_why(served: Served) -> None:
    """By stable reasons; nothing goes on record, and nothing of the caller's is repeated."""
    before = served.changes
    assert served.post("/api/models/99:promote", {"reason": "why not"}) == (404, "MODEL_VERSION_NOT_FOUND")
    assert served.post("/api/models/x:promote", {"reason": "why not"}) == (400, "INVALID_REQUEST")
    assert served.post("/api/models/3:promote", {}) == (400, "INVALID_REQUEST")
    assert served.post("/api/models/3:promote", {"reason": "a", "version": "2"}) == (400, "INVALID_REQUEST")
    assert served.http.get("/api/models/3:promote").status_code == 405
    wrong = served.http.put("/api/retraining")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    expected = {"reason": "why not", "champion_version": "77"}
    assert served.post("/api/models/3:promote", expected) == (409, "CHAMPION_CHANGED")
    assert served.post("/api/models:rollback", expected) == (409, "CHAMPION_CHANGED")
    assert served.changes == before


def test_alias_that_was_moved_outside_is_what_counts(served: Served) -> None:
    """A rollback does not undo what somebody else has done since."""
    point_alias(served.folder, "3")
    assert served.post("/api/models:rollback", {"reason": "worse"}) == (400, "NO_EARLIER_CHAMPION")
    status, answer = served.post("/api/models/1:promote", {"reason": "back"})
    assert (status, answer["change"]["from_version"]) == (200, "3")


def test_registry_that_is_gone_fails_calls_about_it_alone(served: Served) -> None:
    """With a reason of its own, and nothing is created in its place."""
    registry = served.folder / "mlflow.db"
    registry.rename(hidden := served.folder / "hidden.db")
    try:
        response = served.http.get("/api/models")
        assert (response.status_code, response.json()["details"][-1]["reason"]) == (503, "MODEL_REGISTRY_UNAVAILABLE")
        assert served.post("/api/models/1:promote", {"reason": "now"}) == (503, "MODEL_REGISTRY_UNAVAILABLE")
        assert served.http.get("/api/model").status_code == 200
        assert not registry.exists()
    finally:
        hidden.rename(registry)


def test_retraining_is_requested_and_found(served: Served) -> None:
    """By hand, over both protocols; a repeated request starts no second one."""
    status, answer = served.post("/api/retraining", {"reason": "new figures"})
    assert status == 200, answer
    started = answer["retraining"]
    assert (status, started["trigger"], started["stage"]) == (200, "RETRAINING_TRIGGER_MANUAL", "waiting")
    assert started["requested_by"], "the address of the caller"
    request = pb.StartRetrainingRequest(reason="likewise", requested_by="a test", retraining_id=NOBODY.upper())
    first, second = (served.retrainings.StartRetraining(request).retraining for _ in range(2))
    assert first == second
    assert first.retraining_id == NOBODY

    found = served.http.get(f"/api/retraining/{started['retraining_id']}").json()["retraining"]
    assert found == started
    page = served.http.get("/api/retraining", params={"page_size": 1, "finished": False}).json()
    assert [each["retraining_id"] for each in page["retrainings"]] == [NOBODY]
    more = {"page_size": 1, "finished": False, "page_token": page["next_page_token"]}
    assert served.http.get("/api/retraining", params=more).json()["retrainings"] == [started]

    state = served.http.get("/api/retraining/status").json()
    assert (state["waiting"], state["lease_held"], state["watchers"]) == (2, False, [])


def test_request_that_breaks_a_rule_is_refused(served: Served) -> None:
    """Each by a stable reason."""
    assert served.post("/api/retraining", {}) == (400, "INVALID_REQUEST")
    assert served.post("/api/retraining", {"reason": "a\nb"}) == (400, "INVALID_REQUEST")
    assert served.post("/api/retraining", {"reason": "a", "retraining_id": "b"}) == (400, "INVALID_REQUEST")
    assert served.http.get("/api/retraining", params={"verdict": "LUCKY"}).status_code == 400
    unknown = served.http.get("/api/retraining/019caefa-0000-7000-8000-000000000000")
    assert (unknown.status_code, unknown.json()["details"][-1]["reason"]) == (404, "RETRAINING_NOT_FOUND")
