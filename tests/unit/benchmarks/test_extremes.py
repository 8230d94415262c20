"""What the extremes report."""

from housing_benchmarks.extremes import files, mebibytes


def test_growth_is_shown_meanwhile_and_afterwards() -> None:
    """With its sign: what shrinks has not grown."""
    assert mebibytes([3 * 2**20, -(2**19)]) == "+3.0 / -0.5"
    assert files([20_000, 0]) == "+20,000 / +0"
