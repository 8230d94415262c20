"""The errors to expect of answers, as they are measured for the profile."""

from typing import Any

import numpy as np
import pytest

from housing_training.evaluation.expected_errors import CLASSES, LEAST_ROWS, expected_errors

ROWS = 4_000


def answer_of(widths: np.ndarray, *, warned: np.ndarray | None = None) -> dict[str, np.ndarray[Any, Any]]:
    """Answers of 200,000 USD with intervals of these widths."""
    prices = np.full(len(widths), 200_000.0)
    answer = {
        "median_house_value": prices,
        "interval": np.column_stack([prices - widths / 2, prices + widths / 2]),
        "interval_upper_open": np.zeros(len(widths), dtype=bool),
    }
    return answer if warned is None else answer | {"warnings": warned[:, None]}


def test_classes_hold_about_as_many_rows_and_their_errors() -> None:
    """Errors that are a tenth of the width are measured as such, class by class."""
    widths = np.linspace(10_000, 400_000, ROWS)
    expected = expected_errors(answer_of(widths), 200_000 - widths / 10, [])
    assert expected is not None
    assert [each.rows for each in expected.classes] == pytest.approx([ROWS / CLASSES] * CLASSES, abs=1)
    assert len(expected.edges) == CLASSES - 1
    for index, each in enumerate(expected.classes):
        assert each.absolute_mean == pytest.approx(widths[index * 200 : (index + 1) * 200].mean() / 10, rel=0.01)
        assert each.squared_mean >= each.absolute_mean**2
    assert not expected.HasField("warned")


def test_rows_with_warnings_are_measured_apart() -> None:
    """As multiples of what their classes expect, whatever their scale."""
    widths = np.linspace(10_000, 400_000, ROWS)
    warned = np.arange(ROWS) % 20 == 0
    errors = np.where(warned, 3.0, 1.0) * 5_000
    expected = expected_errors(answer_of(widths, warned=warned), 200_000 - errors, ["FAR"])
    assert expected is not None
    assert list(expected.warnings) == ["FAR"]
    assert sum(each.rows for each in expected.classes) == (~warned).sum()
    assert (expected.warned.rows, expected.warned.absolute_mean, expected.warned.squared_mean) == (200, 3, 9)


def test_few_warnings_are_left_out() -> None:
    """Their errors would be known too badly."""
    widths = np.linspace(10_000, 400_000, ROWS)
    expected = expected_errors(answer_of(widths, warned=np.arange(ROWS) < LEAST_ROWS - 1), 200_000 - widths, ["FAR"])
    assert expected is not None
    assert not expected.HasField("warned")


def test_few_rows_make_few_classes() -> None:
    """Each still has enough rows; below that, and without intervals, nothing is expected."""
    widths = np.linspace(10_000, 400_000, 3 * LEAST_ROWS)
    expected = expected_errors(answer_of(widths), 200_000 - widths, [])
    assert expected is not None
    assert len(expected.classes) == 3
    assert expected_errors(answer_of(widths[: LEAST_ROWS - 1]), 200_000 - widths[: LEAST_ROWS - 1], []) is None
    assert expected_errors({"median_house_value": widths}, widths, []) is None


def test_equal_widths_are_one_class() -> None:
    """Intervals that say nothing of single rows still have an error."""
    widths = np.full(ROWS, 60_000.0)
    expected = expected_errors(answer_of(widths), 200_000 - widths / 10, [])
    assert expected is not None
    assert (list(expected.edges), len(expected.classes), expected.classes[0].rows) == ([], 1, ROWS)
