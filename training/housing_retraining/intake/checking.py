"""Checking rows by the very schema that the pipeline holds its table to."""

import pandas as pd
import pandera.pandas as pa

from housing_retraining.intake.reading import Flaw
from housing_training.data.schema import table_schema

_REASONS = {"not_nullable": "is missing", "coerce_dtype('float64')": "must be a number"}


def check(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Flaw]]:
    """Check rows, whose numbers are the table's index.

    Returns:
        The rows that pass, with numbers as float64, and what is wrong with the others: a flaw each.
    """
    if table.empty:
        return table, []
    try:
        return table_schema().validate(table, lazy=True), []
    except pa.errors.SchemaErrors as error:
        flaws = _flaws(error.failure_cases)
    wrong = {flaw.row for flaw in flaws}
    good, more = check(table.loc[~table.index.isin(wrong)]) if wrong else (table.iloc[:0], _all_wrong(table))
    return good, sorted([*flaws, *more], key=lambda flaw: flaw.row)


def _flaws(cases: pd.DataFrame) -> list[Flaw]:
    """Merge what the schema says of each row into one reason."""
    listed = cases[
        cases["index"].notna()
        & ~cases["check"].str.startswith("dtype(")  # says again what coerce_dtype said
        & ((cases["schema_context"] == "Column") | (cases["column"] == "total_bedrooms"))  # once, not once a column
    ]
    reasons: dict[int, list[str]] = {}
    for case in listed.to_dict("records"):
        check_name = _REASONS.get(case["check"], case["check"])
        value = "" if check_name == "is missing" else f" = {str(case['failure_case'])[:60]}"
        reasons.setdefault(int(case["index"]), []).append(f"{case['column']}{value}: {check_name}")
    return [Flaw(row=row, reason="; ".join(dict.fromkeys(found))) for row, found in sorted(reasons.items())]


def _all_wrong(table: pd.DataFrame) -> list[Flaw]:
    """Report rows that the schema refuses for their columns and names no one of, such as lists in a column."""
    return [Flaw(row=int(row), reason="a column holds what is no number") for row in table.index]
