"""Candidate against champion, and the gates that let one through."""

from pathlib import Path

import numpy as np
import pytest

from housing.features import FEATURE_NAMES
from housing_retraining.comparison.bootstrap import rmse_difference
from housing_retraining.comparison.compare import Answers, Comparison, compare
from housing_retraining.comparison.gates import Gate, Policy, judge, parity
from housing_retraining.comparison.holdout import Holdout
from housing_retraining.comparison.judging import Found, Measured
from housing_retraining.comparison.report import write_report
from housing_retraining.registry import RegisteredVersion

ROWS = 600
POLICY = Policy(
    margin=0.0, confidence=0.95, slice_tolerance=0.1, slice_rows=50, coverage_tolerance=0.05, latency_ratio=10
)


@pytest.fixture(scope="module")
def holdout() -> Holdout:
    """Rows in about twenty areas, the last third of them new."""
    rng = np.random.default_rng(1)
    rows = np.full((ROWS, len(FEATURE_NAMES)), 5.0)
    rows[:, 0], rows[:, 1] = rng.uniform(-122, -120, ROWS), rng.uniform(36, 38, ROWS)
    rows[:, FEATURE_NAMES.index("median_income")] = rng.uniform(1, 10, ROWS)
    rows[:, FEATURE_NAMES.index("housing_median_age")] = rng.uniform(1, 52, ROWS)
    labels = np.where(np.arange(ROWS) % 2, "INLAND", "NEAR BAY")
    prices = rng.uniform(100_000, 400_000, ROWS)
    return Holdout(rows=rows, prices=prices, labels=labels, new=np.arange(ROWS) >= 400)


def answers(holdout: Holdout, error: float, *, seed: int = 2, half_width: float | None = None) -> Answers:
    """Return answers with errors of about this size, in USD, and intervals of this half width if it is set."""
    prices = holdout.prices + np.random.default_rng(seed).normal(0, error, ROWS)
    bounds = None if half_width is None else np.column_stack([prices - half_width, prices + half_width])
    return Answers(prices=prices, bounds=bounds, promised=0.0 if half_width is None else 0.9)


def compared(holdout: Holdout, candidate: Answers, champion: Answers) -> Comparison:
    """Compare two models."""
    return compare(holdout, candidate, champion, confidence=0.95, slice_rows=50)


def refusals(comparison: Comparison, policy: Policy = POLICY) -> dict[str, Gate]:
    """Return the gates that did not pass, by name."""
    return {gate.name: gate for gate in judge(comparison, policy) if not gate.passed}


def test_better_candidate_passes_all_gates(holdout: Holdout) -> None:
    """Its errors and their intervals are those of the rows."""
    comparison = compared(holdout, answers(holdout, 30_000), answers(holdout, 60_000, seed=3))
    assert refusals(comparison) == {}
    assert comparison.random.high < 0
    assert comparison.random.low < comparison.random.rmse < comparison.random.high
    assert comparison.random.rmse == pytest.approx(comparison.candidate.rmse - comparison.champion.rmse, abs=0.02)
    assert (comparison.rows, comparison.new_rows) == (600, 200)


def test_identical_model_is_not_better(holdout: Holdout) -> None:
    """No slice is worse, so the new data is not blamed."""
    same = answers(holdout, 30_000)
    refused = refusals(compared(holdout, same, same))
    assert list(refused) == ["better"]
    assert not refused["better"].blames_data
    assert "must be below" in refused["better"].detail


def test_margin_is_required_beyond_chance(holdout: Holdout) -> None:
    """A candidate that is 50 % better passes with a margin of 30 %, and fails with 60 %."""
    comparison = compared(holdout, answers(holdout, 30_000), answers(holdout, 60_000, seed=3))
    strict = [
        Policy(
            margin=margin,
            confidence=0.95,
            slice_tolerance=0.1,
            slice_rows=50,
            coverage_tolerance=0.05,
            latency_ratio=10,
        )
        for margin in (0.3, 0.6)
    ]
    assert [list(refusals(comparison, policy)) for policy in strict] == [[], ["better"]]


def test_new_rows_that_make_known_rows_worse_are_blamed(holdout: Holdout) -> None:
    """A candidate is refused that is better on new rows, and predicts half as much again for known ones."""
    champion = answers(holdout, 20_000)
    shifted = Holdout(
        rows=holdout.rows,
        prices=np.where(holdout.new, 1.5 * holdout.prices, holdout.prices),
        labels=holdout.labels,
        new=holdout.new,
    )
    candidate = Answers(prices=champion.prices * 1.25, bounds=None, promised=0.0)
    refused = refusals(compared(shifted, candidate, champion))
    assert refused["slices"].blames_data
    assert "rows known before" in refused["slices"].detail


def test_slice_that_is_worse_by_chance_passes(holdout: Holdout) -> None:
    """Two models of the same quality always differ on some slice."""
    comparison = compared(holdout, answers(holdout, 30_000, seed=4), answers(holdout, 30_000, seed=5))
    assert "slices" not in refusals(comparison)


def test_coverage_must_match_the_nominal_one(holdout: Holdout) -> None:
    """Coverage that is too low or too high is refused, and so are missing intervals."""
    champion = answers(holdout, 60_000, half_width=100_000)
    good, narrow, wide = (answers(holdout, 30_000, half_width=width) for width in (49_000, 20_000, 500_000))
    assert "calibration" not in refusals(compared(holdout, good, champion))
    assert "0.9 are promised" in refusals(compared(holdout, narrow, champion))["calibration"].detail
    assert "calibration" in refusals(compared(holdout, wide, champion))
    without = refusals(compared(holdout, answers(holdout, 30_000), champion))
    assert without["calibration"].detail == "it has no intervals, and the champion has"


def test_errors_shared_within_areas_widen_the_interval(holdout: Holdout) -> None:
    """When whole areas are resampled."""
    areas = holdout.areas()
    common = np.random.default_rng(6).normal(0, 50_000, areas.max() + 1)[areas]
    rng = np.random.default_rng(7)
    champion, candidate = (common + rng.normal(0, 5_000, ROWS) for _ in range(2))
    candidate = candidate * np.where(areas % 2, 0.7, 1.1)
    by_row = rmse_difference(candidate, champion, confidence=0.95)
    by_area = rmse_difference(candidate, champion, confidence=0.95, groups=areas)
    assert by_area.rmse == by_row.rmse
    assert by_area.high - by_area.low > by_row.high - by_row.low


def test_parity_refuses_nan() -> None:
    """A small difference passes; a large one and one that is not a number do not."""
    assert parity(0.5).passed
    assert not parity(1.5).passed
    assert not parity(float("nan")).passed


def test_report_is_a_self_contained_page(holdout: Holdout, tmp_path: Path) -> None:
    """With figures, gates and plots; it loads nothing over the network."""
    measured = Measured(holdout=holdout, candidate=answers(holdout, 30_000), champion=answers(holdout, 60_000, seed=3))
    comparison = compared(holdout, measured.candidate, measured.champion)
    found = Found(
        candidate=RegisteredVersion(version="8", run_id="a"),
        champion=RegisteredVersion(version="7", run_id="b"),
        gates=[*judge(comparison, POLICY), Gate(name="replay", passed=False, detail="1 < 2")],
        comparison=comparison,
        measured=measured,
    )
    page = write_report(found, measured, tmp_path).read_text("utf-8")
    assert "Version 8 beside version 7" in page
    assert page.count("data:image/png;base64,") == 4
    assert "1 &lt; 2" in page
    assert page.count("not passed") == 1
    assert "http" not in page
