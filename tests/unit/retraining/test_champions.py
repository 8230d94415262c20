"""Promotion and rollback, with what is on record of them."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from housing_retraining.champions import Champions
from housing_retraining.errors import NotPromoted
from housing_retraining.registry import RegisteredVersion
from housing_server.errors import ModelRegistryUnavailable
from housing_server.prediction_log.champion_lease import ChampionLease
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.store import PredictionStore


class Registry:
    """A registry in memory."""

    def __init__(self) -> None:
        self.aliases = {"champion": "1"}

    def named(self, alias: str) -> RegisteredVersion | None:
        """Return the version that an alias names."""
        version = self.aliases.get(alias)
        return None if version is None else RegisteredVersion(version=version, run_id=f"run {version}")

    def point(self, alias: str, version: str) -> None:
        """Point an alias at a version."""
        self.aliases[alias] = version

    @property
    def champion(self) -> str:
        """The version that is served."""
        return self.aliases["champion"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


@pytest.fixture
def registry() -> Registry:
    """A registry whose champion is version 1, without a record of its promotion."""
    return Registry()


@pytest.fixture
def champions(registry: Registry, store: PredictionStore) -> Champions:
    """Its champions."""
    time = iter(range(1_000))
    return Champions("model", registry, ModelChanges(store, now=lambda: next(time)))


def promote(champions: Champions, *versions: str) -> None:
    """Promote versions, one after the other."""
    for version in versions:
        champions.change("promotion", version, changed_by="a test", reason="better")


def test_change_is_recorded_and_made_in_the_registry(
    champions: Champions, registry: Registry, store: PredictionStore
) -> None:
    """With author, both versions and the reason."""
    promote(champions, "2")
    assert registry.champion == "2"
    (change,) = ModelChanges(store).newest("model", 5)
    assert (change.kind, change.from_version, change.to_version) == ("promotion", "1", "2")
    assert (change.changed_by, change.reason) == ("a test", "better")


def test_each_rollback_goes_one_promotion_further_back(champions: Champions, registry: Registry) -> None:
    """Never back to a version that was rolled back."""
    promote(champions, "2", "3")
    seen = []
    for _ in range(2):
        champions.roll_back(changed_by="a test", reason="worse")
        seen.append(registry.champion)
    assert seen == ["2", "1"]
    with pytest.raises(NotPromoted, match="nothing is on record of a champion before 1"):
        champions.roll_back(changed_by="a test", reason="worse")


def test_rollback_skips_versions_that_were_rolled_back(champions: Champions, registry: Registry) -> None:
    """The champion before is the last one that was not rolled back."""
    promote(champions, "2", "3")
    champions.roll_back(changed_by="a test", reason="3 was worse")
    promote(champions, "4")
    champions.roll_back(changed_by="a test", reason="4 was worse, too")
    assert registry.champion == "2"


def test_objections_are_refusals_and_rollbacks(champions: Champions, store: PredictionStore) -> None:
    """A version that was rolled back and not promoted since, or that a retraining refused."""
    promote(champions, "2")
    assert champions.objection("2", RetrainingRecords(store)) == ""
    champions.roll_back(changed_by="a test", reason="worse")
    assert champions.objection("2", RetrainingRecords(store)) == "version 2 was rolled back"
    promote(champions, "2")
    assert champions.objection("2", RetrainingRecords(store)) == ""

    records = RetrainingRecords(store)
    asked = records.request("manual", reason="because", requested_by="a test")
    records.add(asked.retraining_id, model_version="5")
    records.finish(asked.retraining_id, "refused", "not better")
    assert champions.objection("5", records) == "version 5 was refused: not better"


def test_change_waits_for_the_lease_of_another_process(
    champions: Champions, registry: Registry, store: PredictionStore
) -> None:
    """Then it checks the champion again, and records nothing if that has changed."""
    with ChampionLease(store, holder="elsewhere:1:2.00").held():
        impatient = Champions(
            "model", registry, ModelChanges(store), lease=ChampionLease(store, clock=count(0, 99).__next__)
        )
        with pytest.raises(ModelRegistryUnavailable):
            impatient.roll_back(changed_by="a test", reason="worse")
        registry.point("champion", "3")
    with pytest.raises(NotPromoted, match="changed meanwhile, to version 3"):
        champions.change("promotion", "2", changed_by="a test", reason="better", instead_of="1")
    assert ModelChanges(store).newest("model", 5) == []
    champions.change("promotion", "2", changed_by="a test", reason="better", instead_of="3")
    assert registry.champion == "2"
