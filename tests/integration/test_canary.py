"""A canary in a real service: its share of the calls, who chooses it, and what happens when it fails."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import grpc
import httpx
import pytest
from click.testing import CliRunner

from housing.example import BERKELEY
from housing.rows import message_from_mapping
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.model_service_pb2 import GetModelRequest, ListModelChangesRequest, ModelChange, ModelChangeKind
from housing.v1.model_service_pb2_grpc import ModelServiceStub
from housing.v1.prediction_log_service_pb2 import ListPredictionsRequest
from housing.v1.prediction_log_service_pb2_grpc import PredictionLogServiceStub
from housing.v1.prediction_service_pb2 import BatchPredictRequest, PredictRequest, PredictResponse, StreamPredictRequest
from housing.v1.prediction_service_pb2_grpc import PredictionServiceStub
from housing_retraining.commands.model import canary, list_versions
from model_versions import FAULTY, FAULTY_FROM, SLOPES, counted, move_alias
from registries import NAME, copied
from running import ROOT, TRANSPORTS, Service, running_service, transport_or_skip, wait_for

CALLS = 1_000
CHOICE = "housing-canary"


def tag(folder: Path, version: str, key: str) -> str | None:
    """Read a tag of a version."""
    import mlflow  # noqa: PLC0415 - takes seconds

    return mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").get_model_version(NAME, version).tags.get(key)


def command(folder: Path, *arguments: str, of: click.Command = canary) -> str:
    """Run `housing model canary`, or another command, and return what it prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOUSING_STATE_DIR", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(ROOT)
        result = CliRunner().invoke(of, arguments)
    return result.output.strip()


def set_canary(service: Service, folder: Path, version: str, share: str) -> None:
    """Make a version the canary with a share, or end it if that is 0, and wait until the service follows."""
    begins = float(share) > 0
    event = "canary" if begins else "canary ended"
    seen = len(service.command.events(event))
    printed = command(folder, version, *(["--share", share] if begins else ["--end", "--reason", "a test"]))
    assert f"version {version} " in printed, printed
    service.command.send(signal.SIGHUP)
    service.command.wait_for(event, seen + 1)


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport."""
    return transport_or_skip(request.param)


@pytest.fixture(scope="module")
def folder(transport: str, versions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry for each service: a canary left behind by another would answer calls."""
    return copied(versions, tmp_path_factory.mktemp(f"canary_{transport}"))


@pytest.fixture(scope="module")
def service(transport: str, folder: Path) -> Iterator[Service]:
    """A service with two workers, which looks at the registry only when asked to."""
    with running_service(folder, workers=2, model_poll_seconds=0, transport=transport) as running:
        running.command.wait_for("serving")
        yield running


@pytest.fixture
def channel(service: Service) -> Iterator[grpc.Channel]:
    """A connection to the service."""
    with grpc.insecure_channel(service.target) as opened:
        yield opened


def last_changes(channel: grpc.Channel, kind: str, count: int = 1) -> list[ModelChange]:
    """Wait until the newest change in the audit trail is of a kind; return the last ones, the newest first."""
    stub, request = ModelServiceStub(channel), ListModelChangesRequest(page_size=count)
    wanted = ModelChangeKind.Value(f"MODEL_CHANGE_KIND_{kind}")

    def newest() -> list[ModelChange] | None:
        found = list(stub.ListModelChanges(request, timeout=120).changes)
        return found if found and found[0].kind == wanted else None

    return wait_for(newest, f"{kind} on record")


def versions_of(channel: grpc.Channel, block_group: BlockGroup, count: int, prefix: str) -> list[str]:
    """Call with ids of their own; return the version that has answered each."""
    stub = PredictionServiceStub(channel)
    request = PredictRequest(block_group=block_group)
    calls = [
        stub.Predict.future(request, metadata=(("x-request-id", f"{prefix}-{number}"),), timeout=120)
        for number in range(count)
    ]
    return [call.result().model_version for call in calls]


def test_canary_answers_its_share_and_whoever_asks_for_it(
    service: Service, channel: grpc.Channel, folder: Path, block_group: BlockGroup
) -> None:
    """Counted in the answers, in the metrics and on record alike; without a restart, and gone the same way."""
    set_canary(service, folder, "2", "0.1")
    answered = Counter(versions_of(channel, block_group, CALLS, "share"))
    assert sum(answered.values()) == CALLS
    assert 62 <= answered["2"] <= 138  # a tenth, within four standard deviations
    assert versions_of(channel, block_group, 20, "share") == versions_of(channel, block_group, 20, "share")

    answer = assert_asked_for(channel, block_group)
    if service.gateway_port:
        url = f"http://127.0.0.1:{service.gateway_port}/api/predict"
        response = httpx.post(url, json=dict(BERKELEY), headers={CHOICE: "always"}, timeout=120)
        assert response.json()["model_version"] == "2"

    assert ModelServiceStub(channel).GetModel(GetModelRequest()).model.version == "1"
    assert counted(service, 'housing_canary_share_ratio{model_version="2"}') == 0.1
    assert counted(service, 'housing_predictions_total{model_version="2"}') >= answered["2"] + 40
    log, wanted = PredictionLogServiceStub(channel), ListPredictionsRequest(model_version="2", page_size=1)
    on_record = wait_for(lambda: list(log.ListPredictions(wanted, timeout=120).predictions) or None, "the record")
    assert on_record[0].median_house_value == answer.median_house_value

    assert command(folder) == "version 2 answers 10.0% of the calls"
    command(folder, "2", "--share", "0.2", "--reason", "more of it")
    set_canary(service, folder, "2", "0")
    assert str(tag(folder, "2", "canary_ended")).endswith(": a test")
    ended, changed, began = last_changes(channel, "CANARY_END", 3)
    assert (began.from_version, began.to_version, began.to_share) == ("", "2", 0.1)
    assert (changed.from_share, changed.to_share, changed.reason) == (0.1, 0.2, "more of it")
    assert (ended.from_version, ended.to_version, ended.from_share, ended.reason) == ("2", "", 0.2, "a test")
    assert "canary end from 2 at 20.0% to none by" in command(folder, of=list_versions)
    assert set(versions_of(channel, block_group, 50, "after")) == {"1"}


def test_canary_that_makes_no_sense_is_refused(folder: Path) -> None:
    """The champion, a version that does not exist, an end without a canary; the registry stays as it is."""
    assert "version 1 is the champion" in command(folder, "1")
    assert "there is no version 77" in command(folder, "77")
    assert "there is no canary" in command(folder, "--end")
    assert "there is no canary" in command(folder)
    assert "is not in the range" in command(folder, "2", "--share", "0")
    assert "version 2 answers 10.0% of the calls" in command(folder, "2")
    assert "version 2 is the canary: end it first" in command(folder, "5", "--share", "0.5")
    assert "version 2 is the canary" in command(folder, "5", "--end")
    assert "version 2 is no longer the canary" in command(folder, "--end")


def assert_asked_for(channel: grpc.Channel, block_group: BlockGroup) -> PredictResponse:
    """Check that callers have the version that they ask for, by every method; return the last answer to one row."""
    stub, request = PredictionServiceStub(channel), PredictRequest(block_group=block_group)
    forced = {
        choice: {stub.Predict(request, metadata=((CHOICE, choice),)).model_version for _ in range(20)}
        for choice in ("always", "never")
    }
    assert forced == {"always": {"2"}, "never": {"1"}}
    answer = stub.Predict(request, metadata=((CHOICE, "always"),))
    assert answer.median_house_value == pytest.approx(50_000 + SLOPES["2"] * block_group.median_income)
    batch = BatchPredictRequest(block_groups=[block_group] * 20)
    assert stub.BatchPredict(batch, metadata=((CHOICE, "always"),)).model_version == "2"
    messages = (StreamPredictRequest(block_group=block_group) for _ in range(20))
    stream = stub.StreamPredict(messages, metadata=((CHOICE, "always"),))
    assert {each.prediction.model_version for each in stream} == {"2"}
    return answer


def test_canary_that_fails_is_withdrawn_without_a_failed_call(
    service: Service, channel: grpc.Channel, folder: Path
) -> None:
    """The served model answers instead, and the registry records why; a promotion ends a canary, too."""
    set_canary(service, folder, FAULTY, "1")
    rich = message_from_mapping({**BERKELEY, "median_income": FAULTY_FROM + 1})
    answered = Counter(versions_of(channel, rich, 100, "faulty"))
    assert answered == {"1": 100}
    withdrawn = service.command.wait_for("canary withdrawn")
    assert (withdrawn["model_version"], withdrawn["cause"]) == (FAULTY, "failed")
    assert wait_for(lambda: tag(folder, FAULTY, "canary_share") == "0" or None, "the end in the registry")
    assert "not finite" in str(tag(folder, FAULTY, "canary_ended"))
    assert counted(service, f'housing_canary_failures_total{{model_version="{FAULTY}"}}') >= 1
    assert counted(service, 'housing_canary_withdrawals_total{cause="failed"}') == 1
    (ended,) = last_changes(channel, "CANARY_END")
    assert (ended.from_version, ended.from_share, ended.changed_by) == (FAULTY, 1, "service")
    assert "not finite" in ended.reason
    assert counted(service, "housing_model_failures_total") == 0

    set_canary(service, folder, "2", "0.5")
    seen = len(service.command.events("canary ended"))
    move_alias(service, folder, "2")
    service.command.wait_for("canary ended", seen + 1)
    assert last_changes(channel, "CANARY_END")[0].reason == "promoted: it is the champion"
    assert wait_for(lambda: tag(folder, "2", "canary_share") == "0" or None, "the end in the registry")
    assert set(versions_of(channel, message_from_mapping(BERKELEY), 20, "promoted")) == {"2"}
