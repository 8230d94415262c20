"""Validation of rows with the schema of the pipeline's own table."""

import pandas as pd
import pandera.pandas as pa

from housing_retraining.intake.reading import Flaw
from housing_training.data.schema import table_schema

_REASONS = {"not_nullable": "is missing", "coerce_dtype('float64')": "must be a number"}


def check(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Flaw]]:
    """Validate rows; the table's index has their numbers.

    Returns:
        The valid rows, with numbers as float64, and one flaw for each invalid row.
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
    """Merge the schema's findings on each row into one reason."""
    listed = cases[
        cases["index"].notna()
        & ~cases["check"].str.startswith("dtype(")  # repeats coerce_dtype
        & ((cases["schema_context"] == "Column") | (cases["column"] == "total_bedrooms"))  # not for each column
    ]
    reasons: dict[int, list[str]] = {}
    for case in listed.to_dict("records"):
        check_name = _REASONS.get(case["check"], case["check"])
        value = "" if check_name == "is missing" else f" = {str(case['failure_case'])[:60]}"
        reasons.setdefault(int(case["index"]), []).append(f"{case['column']}{value}: {check_name}")
    return [Flaw(row=row, reason="; ".join(dict.fromkeys(found))) for row, found in sorted(reasons.items())]


def _all_wrong(table: pd.DataFrame) -> list[Flaw]:
    """Return a flaw for every row, where the schema names none, such as for a column of lists."""
    return [Flaw(row=int(row), reason="a column holds what is no number") for row in table.index]
