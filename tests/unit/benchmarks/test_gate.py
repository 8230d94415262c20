"""The gate of the nightly benchmark."""

import pytest

from housing_benchmarks.gate import is_worse, regressions
from housing_benchmarks.marks import Mark
from housing_benchmarks.programs import ROOT
from housing_benchmarks.results import Results


@pytest.mark.parametrize(
    ("measured", "at_most", "worse"),
    [
        (0.8, False, False),
        (0.7, False, True),
        (2.0, False, False),
        (1.2, True, False),
        (1.3, True, True),
        (None, False, False),
    ],
)
def test_ratio_may_be_worse_by_the_tolerance(measured: float | None, at_most: bool, worse: bool) -> None:
    """In its own direction; one that was not measured is no regression."""
    mark = Mark(what="a ratio", limit=1.0, measured=measured, at_most=at_most)
    assert is_worse(mark, 1.0, 0.25) is worse


def test_results_are_not_worse_than_themselves() -> None:
    """The committed results pass the gate that they are the reference of."""
    results = Results.read(ROOT / "benchmarks/results.json")
    assert regressions(results, results, 0.25) == []
