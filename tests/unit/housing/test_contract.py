"""What Python reads from the contract's descriptor."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing.contract import (
    FEATURE_NAMES,
    FEATURES,
    SERVICES,
    Feature,
    descriptor_set,
    message_from_mapping,
    message_from_row,
    row_from_message,
    warnings_for,
)
from housing.v1.block_group_pb2 import BlockGroup
from running import ROOT


def values(feature: Feature) -> st.SearchStrategy[float]:
    """Values that a row may hold for a field, left out included."""
    if feature.choices:
        given_values = st.integers(0, len(feature.choices) - 1).map(float)
    else:
        given_values = st.floats(feature.minimum, feature.maximum)
    return given_values | st.just(math.nan)


ROWS = st.tuples(*map(values, FEATURES)).map(list)


def test_features_are_the_dataset_columns_in_order() -> None:
    """Names and order are what models are trained on: a change is a new contract."""
    assert FEATURE_NAMES == (
        "longitude",
        "latitude",
        "housing_median_age",
        "total_rooms",
        "total_bedrooms",
        "population",
        "households",
        "median_income",
        "ocean_proximity",
    )


def test_features_tell_unit_presence_bounds_and_choices() -> None:
    """A number has a unit and both bounds, a text its spellings; two fields may be left out."""
    for feature in FEATURES:
        bounded = feature.minimum is not None and feature.maximum is not None
        assert bounded != bool(feature.choices)
        assert bounded == bool(feature.unit)
    assert {feature.name for feature in FEATURES if not feature.required} == {"total_bedrooms", "ocean_proximity"}
    assert FEATURES[-1].choices == ("<1H OCEAN", "INLAND", "NEAR OCEAN", "NEAR BAY", "ISLAND")


@given(ROWS)
def test_row_survives_the_way_through_a_message(row: list[float]) -> None:
    """Row to message to bytes to message to row changes nothing, missing values included."""
    message = BlockGroup.FromString(message_from_row(row).SerializeToString())
    assert row_from_message(message) == pytest.approx(row, abs=0, rel=0, nan_ok=True)


def test_mapping_leaves_missing_values_out() -> None:
    """None and NaN stand for a field that is not given, as in tables."""
    message = message_from_mapping({"latitude": 37, "total_bedrooms": math.nan, "ocean_proximity": None})
    assert [field.name for field, _ in message.ListFields()] == ["latitude"]


@pytest.mark.parametrize(
    ("name", "value"), [("bedrooms", 3), ("latitude", "north"), ("latitude", []), ("ocean_proximity", 3)]
)
def test_mapping_with_a_bad_name_or_type_is_refused_by_name(name: str, value: object) -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match=f"^{name}: "):
        message_from_mapping({name: value})


def test_unusual_combination_is_warned_of() -> None:
    """More households than people gives the warning that the contract words."""
    usual = {"population": 3.0, "households": 3.0}
    assert warnings_for(row_from_message(message_from_mapping(usual))) == []
    (warning,) = warnings_for(row_from_message(message_from_mapping(usual | {"households": 4.0})))
    assert (warning.reason, warning.field) == ("HOUSEHOLDS_EXCEED_POPULATION", "households")


def test_descriptor_set_is_complete_and_in_order() -> None:
    """Every import comes before its importer, and error details are among the files."""
    seen: set[str] = set()
    for file in descriptor_set().file:
        assert set(file.dependency) <= seen
        seen.add(file.name)
    assert {"google/rpc/error_details.proto", "google/rpc/status.proto"} <= seen
    services = {f"{file.package}.{service.name}" for file in descriptor_set().file for service in file.service}
    assert services == set(SERVICES)


def test_committed_stubs_are_those_that_the_contract_gives(tmp_path: Path) -> None:
    """Generating anew, elsewhere, gives the same files to the byte."""
    protos = tmp_path / "protos"
    committed = ROOT / "protos"
    shutil.copytree(committed, protos, ignore=shutil.ignore_patterns("*_pb2*", "__pycache__"))
    subprocess.run([sys.executable, "generate.py"], cwd=protos, check=True)
    stubs = {path.relative_to(committed) for path in committed.rglob("*_pb2*") if "__pycache__" not in path.parts}
    assert {path.relative_to(protos) for path in protos.rglob("*_pb2*")} == stubs
    for stub in stubs:
        assert (protos / stub).read_text("utf-8") == (committed / stub).read_text("utf-8"), stub
