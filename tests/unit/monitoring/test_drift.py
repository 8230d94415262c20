"""How far values are from a profile: the index, what it is by chance, and the tests."""

import math

import numpy as np
import pytest

from housing.v1.model_profile_pb2 import Distribution
from housing_monitoring.drift import SHIFTED, compare, population_stability_index

NUMBERS = Distribution(name="age", edges=[0, 1, 2, 3, 4], counts=[0, 500, 500, 500, 500, 0])
TEXT = Distribution(name="place", categories=["sea", "land", "island"], counts=[600, 400, 2])


def test_index_of_the_same_shares_is_nothing() -> None:
    """A window that is spread as training was has not shifted, whatever its size."""
    reference = np.array([0, 1000, 3000, 6000, 0])
    for size in (1, 7):
        assert population_stability_index(reference, reference * size) == pytest.approx(0, abs=0.002)


def test_index_is_that_of_its_definition() -> None:
    """With many rows the half rows that are added do not show: (0.8 - 0.5) ln(0.8/0.5) + (0.2 - 0.5) ln(0.2/0.5)."""
    many = np.array([1, 1]) * 10**9, np.array([8, 2]) * 10**9
    assert population_stability_index(*many) == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))


def test_index_is_finite_where_a_bin_is_empty() -> None:
    """Values out of the range of training, and parts of it that no value is in, count a lot, not infinitely."""
    drift = compare(NUMBERS, [9.0] * 500)
    assert SHIFTED < drift.psi < math.inf


def test_index_of_unshifted_windows_stays_below_chance() -> None:
    """Of a thousand windows without a shift about one is above the bound that 99.9 % are to stay below."""
    random = np.random.default_rng(1)
    reference = np.array(NUMBERS.counts[1:-1])
    windows = [compare(NUMBERS, random.uniform(0, 4, 300).tolist()) for _ in range(1000)]
    above = sum(each.psi > each.by_chance for each in windows)
    assert above <= 5
    assert max(each.psi for each in windows) > windows[0].by_chance / 2
    assert windows[0].by_chance == pytest.approx(16.27 * (1 / 300 + 1 / reference.sum()), rel=1e-3)


def test_shifted_numbers_are_found_by_index_and_test() -> None:
    """Numbers are tested with Kolmogorov's and Smirnov's distance: the largest difference of the cumulated shares."""
    drift = compare(NUMBERS, [0.5] * 300 + [2.5] * 100)
    assert drift.psi > SHIFTED
    assert drift.statistic == pytest.approx(0.5)
    assert drift.p_value < 1e-9
    assert drift.values == 400


def test_shifted_text_is_found_by_index_and_test() -> None:
    """Text is tested with chi-square; a category too rare for it does not disturb."""
    shifted, same = compare(TEXT, [0.0] * 100 + [1.0] * 300), compare(TEXT, [0.0] * 60 + [1.0] * 40)
    assert shifted.psi > SHIFTED > same.psi
    assert shifted.p_value < 1e-9
    assert same.p_value > 0.5


def test_text_of_a_single_category_is_no_shift() -> None:
    """Where there is nothing to tell apart the test finds nothing."""
    only = Distribution(name="place", categories=["sea"], counts=[600])
    drift = compare(only, [0.0] * 10)
    assert drift.psi == pytest.approx(0)
    assert (drift.statistic, drift.p_value) == (0, 1)


def test_values_that_were_left_out_do_not_count() -> None:
    """A field that may be left out has not shifted because it often is."""
    values = [0.5, 1.5, 2.5, 3.5] * 100
    assert compare(NUMBERS, [*values, *[math.nan] * 5000]) == compare(NUMBERS, values)
