"""Logged requests asked of another version: the differences, what they say of it, and what is kept of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from housing_retraining.replay import gate as gate_module
from housing_retraining.replay.differences import Differences, Tally
from housing_retraining.replay.gate import LatelyAsked
from housing_retraining.replay.parquet import replay_file
from housing_retraining.replay.plots import draw
from housing_retraining.replay.sample import Sample
from housing_retraining.replay.scoring import replay, score
from housing_retraining.replay.verdict import TrafficPolicy, objections, summary
from housing_server.prediction_log.logged_requests import LoggedRequests, Wanted, pages
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.store import PredictionStore
from retraining_traffic import MODEL, FactorModel, ask, know

POLICY = TrafficPolicy(tolerance=0.5, wild_share=0.05, psi=0.5, confidence=0.95)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PredictionStore]:
    """An empty store."""
    opened = PredictionStore.open(f"sqlite:///{tmp_path}/predictions.db")
    yield opened
    opened.close()


def logged(store: PredictionStore, *, page_rows: int = 100) -> list[LoggedRequests]:
    """Read all logged requests."""
    return [*pages(store, Wanted(model_name=MODEL), page_rows=page_rows)]


def differences(found: list[LoggedRequests], model: FactorModel, against: FactorModel | None = None) -> Differences:
    """Replay requests."""
    tally = Tally(tolerance=0.5)
    for page in replay(found, model, against):
        tally.add(page)
    return tally.differences()


def test_identical_answers_have_no_differences(store: PredictionStore) -> None:
    """There is no objection to the version either."""
    ask(store, range(100))
    found = differences(logged(store), FactorModel(1.0))
    assert (found.rows, found.mean, found.rms, found.largest, found.wild_share) == (100, 0, 0, 0, 0)
    assert set(found.quantiles.values()) == {0}
    assert found.psi == pytest.approx(0, abs=1e-3)
    assert objections(found, POLICY) == []


def test_differences_are_summarized_across_pages(store: PredictionStore) -> None:
    """Mean, extremes, quantiles, and the shares of wild ones and of those beyond the intervals."""
    ask(store, range(100))
    for page_rows in (7, 1_000):
        found = differences(logged(store, page_rows=page_rows), FactorModel(1.3))
        assert found.mean == pytest.approx(0.3 * 55_000)
        assert found.largest == pytest.approx(0.3 * 100_000)
        assert found.quantiles["p50"] == pytest.approx(0.3 * 55_000)
        assert (found.wild_share, found.beyond_interval_share) == (0, 1)
        assert (found.warned_share, found.reference_warned_share) == (0.1, 0)
        assert found.last_us - found.first_us == 99 * 60 * 1_000_000


def test_two_versions_can_be_compared(store: PredictionStore) -> None:
    """Instead of a version with the answers on record."""
    ask(store, range(20))
    assert differences(logged(store), FactorModel(2.0), FactorModel(2.0)).largest == 0


def test_row_that_fails_does_not_affect_others(store: PredictionStore) -> None:
    """Its answer is NaN, which is an objection to the version."""
    ask(store, range(10))
    (page,) = logged(store)
    prices = score(FactorModel(1.0, fails_over=9.5), page).prices
    np.testing.assert_array_equal(np.isnan(prices), page.rows[:, 7] > 9.5)
    found = differences([page], FactorModel(1.0, fails_over=9.5))
    assert (found.unanswered, found.mean) == (1, 0)
    assert objections(found, POLICY) == ["it has no sound answer to 1 of 10 requests"]


def test_true_prices_outweigh_differences(store: PredictionStore) -> None:
    """A very different version passes if its errors are smaller beyond chance, and a similar one fails if larger."""
    records = ask(store, range(100))
    know(store, records, 1_000)
    near = differences(logged(store), FactorModel(1.2))
    assert near.errors is not None
    assert near.errors.difference.low > 0
    (reason,) = objections(near, POLICY)
    assert reason.startswith("RMSE 12,")
    assert "over 100 outcomes" in summary(near)

    doubled = [each | {"median_house_value": 2 * each["median_house_value"]} for each in records]
    know(store, doubled, 1_000)
    far = differences(logged(store), FactorModel(2.0))
    assert far.wild_share == 1
    assert objections(far, POLICY) == []


def test_shifted_distribution_is_an_objection(store: PredictionStore) -> None:
    """If there are enough requests."""
    ask(store, range(600))
    found = differences(logged(store), FactorModel(1.45))
    assert found.wild_share == 0
    assert [each.split(":", maxsplit=1)[0] for each in objections(found, POLICY)] == [
        "the answers have another distribution"
    ]


def test_sample_is_bounded_and_uniform() -> None:
    """All rows up to its size; beyond, each with the same probability."""
    sample = Sample(100, 1)
    sample.add(np.arange(60.0)[:, np.newaxis])
    assert sample.rows().ravel().tolist() == list(range(60))
    for start in range(60, 10_060, 500):
        sample.add(np.arange(start, start + 500.0)[:, np.newaxis])
    kept = sample.rows().ravel()
    assert (len(kept), len(set(kept))) == (100, 100)
    assert 4_000 < kept.mean() < 6_000


def test_replayed_requests_are_written_to_a_file(store: PredictionStore, tmp_path: Path) -> None:
    """Each with both answers; unknown values are null, and the file appears once it is complete."""
    ask(store, range(5), total_bedrooms=None)
    path = tmp_path / "replay.parquet"
    with replay_file(path) as file:
        for page in replay(logged(store, page_rows=2), FactorModel(2.0)):
            file.add(page)
            assert not path.exists()
    table = parquet.read_table(path).to_pylist()
    assert len(table) == 5
    assert table[0]["replayed_median_house_value"] == 2 * table[0]["served_median_house_value"]
    assert (table[0]["ocean_proximity"], table[0]["total_bedrooms"]) == ("NEAR BAY", None)
    assert table[0]["median_house_value"] is None


def test_differences_are_plotted(store: PredictionStore, tmp_path: Path) -> None:
    """As a map and a histogram, also when all differences are 0."""
    ask(store, range(5))
    tally = Tally(tolerance=0.5)
    for page in replay(logged(store), FactorModel(1.0)):
        tally.add(page)
    files = draw(tally.sample.rows(), "a title", tmp_path)
    assert [file.name for file in files] == ["map.png", "distribution.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


@pytest.fixture
def lately(store: PredictionStore, monkeypatch: pytest.MonkeyPatch) -> LatelyAsked:
    """The gate, with a candidate whose answers are half the champion's."""
    model: Any = FactorModel(0.4)
    monkeypatch.setattr(gate_module, "fetch", lambda *_: Path())
    monkeypatch.setattr(gate_module, "load", lambda _: model)
    return LatelyAsked(store=store, rows=100, policy=POLICY)


def test_gate_passes_without_traffic(store: PredictionStore, lately: LatelyAsked) -> None:
    """Requests to other versions, or earlier ones, do not count, and no model is fetched."""
    ask(store, range(5))
    found = lately.gate(MODEL, "2", "1", Path())
    assert (found.passed, found.detail) == (True, "version 1 was asked nothing in the last day")


def test_gate_refuses_wild_answers(store: PredictionStore, lately: LatelyAsked) -> None:
    """With the figures."""
    ask(store, range(20), at_us=now_us() - 60_000_000)
    found = lately.gate(MODEL, "2", "1", Path())
    assert not found.passed
    assert found.detail.startswith("100.0% of the answers differ by more than 50%, at most 5% may; 20 requests")
