"""`housing predict`."""

from typing import Any

import click

from housing_cli.commands.features import check_given, feature_options
from housing_cli.commands.files import STANDARD_STREAM, Output
from housing_cli.commands.predict_file import predict_file
from housing_cli.commands.service import aligned, connected, interval_text, json_option, target_option, to_json
from housing_client import Prediction


@click.command()
@feature_options
@click.option(
    "--input",
    "source",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Predict every row of this CSV file; - is stdin.",
)
@click.option(
    "--output",
    "destination",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True),
    default=STANDARD_STREAM,
    show_default="stdout",
    help="Path of the prediction, or of the rows of --input with their predictions.",
)
@target_option
@json_option
def predict(source: str | None, destination: str, target: str, as_json: bool, **fields: Any) -> None:
    """Predict the median house values of a block group or of a CSV file.

    A single block group is given by the options named after its fields.
    A file has a column for each field, by the same names with underscores, in any order; an empty cell, NA, NaN or ? is
    a missing value, and other columns are kept. Each row is written with its prediction, or with an `error` that names
    the invalid fields; if any row is refused, the exit code is 1. With --json, each row is one line of JSON.
    """
    if source is None:
        _predict_one(destination, target, as_json, fields)
    elif any(value is not None for value in fields.values()):
        raise click.UsageError("give either a file by --input or one block group by its fields, not both")
    else:
        predict_file(source, destination, target=target, as_json=as_json)


def _predict_one(destination: str, target: str, as_json: bool, fields: dict[str, Any]) -> None:
    check_given(fields, "; or give a file by --input")
    with Output(destination) as output, connected(target) as client:
        found = client.predict(fields)
        output.write((to_json(found) if as_json else _text(found)) + "\n")


def _text(found: Prediction) -> str:
    return aligned(
        [
            ("median house value", f"{found.median_house_value:,.0f} USD"),
            ("interval", interval_text(found.interval)),
            ("model", f"{found.model_name} {found.model_version}"),
            ("predicted at", found.predicted_at.isoformat(sep=" ", timespec="seconds")),
            ("prediction id", found.prediction_id),
            *(("warning", f"{warning.field}: {warning.message}") for warning in found.warnings),
        ]
    )
