"""The file of a background: written by training, read by the server."""

import json
import math

import pytest

from housing.background import MOST_ROWS, Background
from housing.features import FEATURE_NAMES, FEATURES

ROW = [feature.minimum or 0.0 for feature in FEATURES]


def test_background_survives_its_file() -> None:
    """Missing values included; fields come back in the contract's order."""
    row = [*ROW[:-1], math.nan]
    text = Background(rows=[ROW, row], fields=("median_income", "latitude")).to_json()
    found = Background.from_json(text)
    assert found.fields == ("latitude", "median_income")
    assert found.rows[0] == ROW
    assert (found.rows[1][:-1], math.isnan(found.rows[1][-1])) == (ROW[:-1], True)
    assert json.loads(text)["rows"][1][-1] is None


@pytest.mark.parametrize(
    "content",
    [
        {"rows": []},
        {"rows": [ROW] * (MOST_ROWS + 1)},
        {"rows": [ROW[:-1]]},
        {"rows": [[None] * len(ROW)]},
        {"rows": [["much"] * len(ROW)]},
        {"rows": None},
        {"fields": ["garden"]},
        {"fields": [[]]},
        [],
        None,
    ],
)
def test_what_is_no_background_is_refused(content: dict[str, object] | list[object] | None) -> None:
    """With an error that says what is wrong."""
    good = {"rows": [ROW], "fields": list(FEATURE_NAMES)}
    assert Background.from_json(json.dumps(good)).fields == FEATURE_NAMES
    with pytest.raises(ValueError, match=r"\w"):
        Background.from_json(json.dumps(good | content if isinstance(content, dict) else content))
