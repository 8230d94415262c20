"""The report of a comparison: a self-contained page."""

import base64
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from housing_retraining.comparison.judging import Found, Measured
from housing_retraining.comparison.plots import error_map, predicted_vs_true, residuals, slice_differences

FILE = "comparison.html"
"""Its name in the work directory, and with the MLflow run."""


def write_report(found: Found, measured: Measured, folder: Path) -> Path:
    """Write the report of a candidate and the champion into a folder, and return its path.

    Args:
        found: the comparison and the gates.
        measured: predictions of both for the rows held out.
        folder: where the file goes.
    """
    both = (measured.holdout, measured.candidate, measured.champion)
    figures = [predicted_vs_true(*both), residuals(*both), error_map(*both)]
    if found.comparison is not None:
        figures.insert(2, slice_differences(found.comparison.slices))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.jinja").render(found=found, pictures=[*map(_data_uri, figures)])
    path = folder / FILE
    path.write_text(page, encoding="utf-8")
    return path


def _data_uri(figure: Figure) -> str:
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=90, metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
