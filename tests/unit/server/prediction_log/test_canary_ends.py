"""The audit trail of canaries that the service ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from housing_server.errors import PredictionLogUnavailable
from housing_server.prediction_log.canary_ends import CanaryEnds
from housing_server.prediction_log.model_changes import ModelChange, ModelChanges
from housing_server.prediction_log.store import PredictionStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


async def test_end_goes_on_record_once_the_store_responds(
    store: PredictionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary answers no calls meanwhile; several servers that end it are one entry."""
    logs, write, failures = LogCapture(), ModelChanges.add_canary_end, iter([PredictionLogUnavailable("down")])

    def write_later(changes: ModelChanges, change: ModelChange) -> object:
        if (failure := next(failures, None)) is not None:
            raise failure
        return write(changes, change)

    monkeypatch.setattr(ModelChanges, "add_canary_end", write_later)
    log = structlog.wrap_logger(None, processors=[logs])
    ends = CanaryEnds(store, "homes", log, retry_seconds=0)
    for reason in ("failed: no answer", "worker: it ended"):
        ends.record("2", 0.1, reason)
        await ends.written()
    (change,) = ModelChanges(store).newest("homes", 5)
    assert (change.kind, change.from_version, change.from_share) == ("canary_end", "2", 0.1)
    assert (change.changed_by, change.reason) == ("service", "failed: no answer")
    assert [entry["event"] for entry in logs.entries] == ["the end of a canary cannot be put on record yet"]
