"""What a table must look like before anything is trained on it; the bounds are the contract's."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import pandera.pandas as pa

from housing.features import FEATURES, Feature
from housing_training.data.table import TARGET
from housing_training.errors import TableError

LEAST_ROWS = 100
"""Fewer rows cannot be split and cross-validated in any meaningful way."""
REASONS_SHOWN = 10
"""How many broken rows an error names."""


def validate(table: pd.DataFrame) -> pd.DataFrame:
    """Check a raw table.

    Returns:
        The same table with its numbers as float64.

    Raises:
        TableError: rows break the schema; the text names the first of them, with reasons, and their count.
    """
    if len(table) < LEAST_ROWS:
        raise TableError(f"the table has {len(table)} rows; at least {LEAST_ROWS} are needed")
    try:
        return table_schema().validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise TableError(_report(error.failure_cases)) from error


def table_schema() -> pa.DataFrameSchema:
    """Derive the schema from the contract: a column for each feature, and the price."""
    columns = {feature.name: _column(feature) for feature in FEATURES}
    price = pa.Check.in_range(0, float("inf"), include_min=False, include_max=False, error="must be a price above 0")
    columns[TARGET] = pa.Column("float64", price, coerce=True)
    rooms = pa.Check(
        lambda table: ~(table["total_bedrooms"] > table["total_rooms"]), error="must be no more than total_rooms"
    )
    return pa.DataFrameSchema(columns, checks=rooms)


def _column(feature: Feature) -> pa.Column:
    if feature.choices:
        known = pa.Check.isin(feature.choices, error=f"must be one of {', '.join(feature.choices)}")
        return pa.Column("str", known, nullable=not feature.required, coerce=True)
    bounds = pa.Check.in_range(
        feature.minimum, feature.maximum, error=f"must be within {feature.minimum} to {feature.maximum}"
    )
    return pa.Column("float64", bounds, nullable=not feature.required, coerce=True)


def _report(cases: pd.DataFrame) -> str:
    """Describe the first broken rows, a line each; rows are counted from 1, without a CSV's header."""
    listed = cases[
        cases["index"].notna()
        & ~cases["check"].str.startswith("dtype(")  # repeats what coerce_dtype reports
        & (
            (cases["schema_context"] == "Column") | (cases["column"] == "total_bedrooms")
        )  # reported once, not once for each column
    ].sort_values("index", kind="stable")
    count = listed["index"].nunique()
    lines = [f"  {_reason(case)}" for case in listed.head(REASONS_SHOWN).to_dict("records")]
    if len(listed) > REASONS_SHOWN:
        lines.append(f"  and {len(listed) - REASONS_SHOWN} more")
    head = f"{count} row{'s break' if count != 1 else ' breaks'} the schema; correct the source and run again:"
    return "\n".join([head, *lines])


def _reason(case: Mapping[Hashable, Any]) -> str:
    check = {"not_nullable": "is missing", "coerce_dtype('float64')": "must be a number"}.get(
        case["check"], case["check"]
    )
    value = "" if check == "is missing" else f" = {case['failure_case']}"
    return f"row {int(case['index']) + 1}, {case['column']}{value}: {check}"
