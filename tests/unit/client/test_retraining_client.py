"""The clients' methods about versions of the model and retrainings, the synchronous ones and their twins."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from housing.v1 import model_service_pb2 as model_pb
from housing.v1 import retraining_service_pb2 as pb
from housing_client import AsyncPredictionClient, PredictionClient, Retraining, RetrainingFilter
from unit.client.fake_prediction_service import FakePredictionService
from unit.client.fake_retrainings import START, FakeRetrainings, serving_retrainings


@pytest.fixture
def retrainings() -> FakeRetrainings:
    """Make a service of retrainings."""
    return FakeRetrainings()


@pytest.fixture
def client(target: str) -> Iterator[PredictionClient]:
    """The synchronous client of the service of models."""
    with PredictionClient(target) as opened:
        yield opened


@pytest.fixture
async def twins(retrainings: FakeRetrainings) -> AsyncIterator[tuple[PredictionClient, AsyncPredictionClient]]:
    """Both clients of the service of retrainings."""
    with serving_retrainings(retrainings) as target, PredictionClient(target) as client:
        async with AsyncPredictionClient(target) as twin:
            yield client, twin


def test_versions_are_listed(client: PredictionClient) -> None:
    """With what speaks against them; an error that is not on record is None."""
    found = client.model_versions()
    assert (found.alias, found.champion_version) == ("champion", "2")
    assert [each.test_rmse for each in found.versions] == [40_000, None]
    assert [each.objection for each in found.versions] == ["", "version 1 was rolled back"]


def test_changes_are_read_page_by_page(client: PredictionClient) -> None:
    """Each with who, from, to and why."""
    first, second = client.model_changes(page_size=1)
    assert (first.change_id, second.change_id) == ("change-2", "change-1")
    assert (first.kind, first.from_version, first.to_version) == ("promotion", "2", "3")
    assert first.changed_at == START + timedelta(seconds=2)


def test_promotion_of_the_champion_changes_nothing(service: FakePredictionService, client: PredictionClient) -> None:
    """None stands for it; another version is promoted, with all that was given."""
    assert client.promote_model_version("2", reason="why not") is None
    changed = client.promote_model_version("3", reason="better", force=True, changed_by="me", champion_version="2")
    assert changed is not None
    assert changed.to_version == "3"
    assert service.version_requests[-1] == model_pb.PromoteModelVersionRequest(
        version="3", reason="better", force=True, changed_by="me", champion_version="2"
    )


def test_rollback_names_the_present_champion(service: FakePredictionService, client: PredictionClient) -> None:
    """So a repeated call does not go back twice."""
    assert client.rollback_model("2", reason="worse").kind == "rollback"
    assert service.version_requests == [model_pb.RollbackModelRequest(reason="worse", champion_version="2")]


async def test_both_clients_read_the_same_retrainings(
    twins: tuple[PredictionClient, AsyncPredictionClient],
) -> None:
    """Every page, one by id, and the status."""
    client, twin = twins
    listed = list(client.retrainings(page_size=1))
    assert [each.retraining_id for each in listed] == ["id-2", "id-1"]
    assert [each async for each in twin.retrainings(page_size=1)] == listed
    assert await twin.retraining("id-2") == client.retraining("id-2")
    assert await twin.retraining_status() == client.retraining_status()


async def test_retraining_is_a_plain_value(twins: tuple[PredictionClient, AsyncPredictionClient]) -> None:
    """What is not known is None or empty, and the ends of an interval that cannot be drawn are None."""
    done, waiting = twins[0].retrainings()
    assert (waiting.verdict, waiting.finished_at, waiting.comparison) == ("", None, None)
    assert (done.trigger, done.trigger_figures, done.files) == ("new_data", {"new_rows": 500}, ("new.csv",))
    assert done.comparison is not None
    assert (done.comparison.random.high, done.comparison.by_area.high) == (-500, None)
    assert done.comparison.candidate.promised_coverage is None
    (stage,) = done.stages
    assert (stage.name, stage.state, stage.finished_at, stage.figures) == ("shadow", "running", None, {"rows": 10})


async def test_filters_are_sent(
    retrainings: FakeRetrainings, twins: tuple[PredictionClient, AsyncPredictionClient]
) -> None:
    """By time, trigger, verdict, state and candidate; an unknown trigger is an error here already."""
    wanted = RetrainingFilter(start_time=START, trigger="schedule", verdict="refused", finished=True, model_version="3")
    list(twins[0].retrainings(wanted))
    (sent, _) = retrainings.requests
    assert isinstance(sent, pb.ListRetrainingsRequest)
    assert (sent.trigger, sent.verdict) == (pb.RETRAINING_TRIGGER_SCHEDULE, pb.RETRAINING_VERDICT_REFUSED)
    assert (sent.finished, sent.model_version, sent.start_time.ToSeconds()) == (True, "3", int(START.timestamp()))
    with pytest.raises(ValueError, match="WEATHER"):
        next(twins[0].retrainings(RetrainingFilter(trigger="weather")))


async def test_start_may_be_repeated(
    retrainings: FakeRetrainings, twins: tuple[PredictionClient, AsyncPredictionClient]
) -> None:
    """The client chooses the id, so that a retry of a call that was lost starts no second retraining."""
    started: Retraining = twins[0].start_retraining(reason="new figures")
    assert started.stage == "waiting"
    await twins[1].start_retraining(reason="new figures", retraining_id="019c3f00-0000-7000-8000-000000000000")
    first, second = retrainings.requests
    assert isinstance(first, pb.StartRetrainingRequest)
    assert isinstance(second, pb.StartRetrainingRequest)
    assert UUID(first.retraining_id)
    assert second.retraining_id == "019c3f00-0000-7000-8000-000000000000"


async def test_status_counts_what_there_was(twins: tuple[PredictionClient, AsyncPredictionClient]) -> None:
    """By trigger and verdict, with the watchers and what waits."""
    status = twins[0].retraining_status()
    (count,) = status.finished
    assert (count.trigger, count.verdict, count.count) == ("new_data", "refused", 3)
    assert (status.waiting, status.running, status.rollbacks) == (1, None, 1)
    assert [each.pending_rows for each in status.watchers] == [20]
