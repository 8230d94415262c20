"""`housing drift-report`: one page, from a running service."""

import asyncio
import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from housing.features import FEATURE_NAMES
from housing.v1.prediction_log_service_pb2 import LiveError, ModelVersionStats
from housing_monitoring.comparison import Compared
from housing_monitoring.report import report_field
from housing_monitoring.report_charts import draw
from housing_monitoring.report_command import drift_report
from unit.monitoring.fake_grpc_service import Answers, serving
from unit.monitoring.watched import predictions, profile, without

LONG = "1000000"
"""A window long enough, in hours, for predictions made at the fakes' time."""


@contextmanager
def in_background(answers: Answers) -> Iterator[str]:
    """Serve answers on an event loop of another thread until the end of the block; yield the port."""
    ports: list[str] = []
    ready, done, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(answers) as target:
            ports.append(target.rpartition(":")[2])
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(30)
        loop.close()


def run(answers: Answers, output: Path) -> Result:
    """Run the command against a service."""
    with in_background(answers) as port:
        settings = {"HOUSING_GRPC_PORT": port, "HOUSING_DRIFT_WINDOW_HOURS": LONG}
        return CliRunner().invoke(drift_report, ["--output", str(output)], env=settings)


def test_page_tells_what_has_shifted(tmp_path: Path) -> None:
    """The command sums it up; the page holds every field, its picture and the errors, and needs no other file."""
    error = LiveError(outcomes=1234, mean_absolute_error=27_500, root_mean_squared_error=43_000, bias=-500)
    answers = Answers(
        profile=profile(),
        log=predictions(600, scale=1.5),
        model_versions=[ModelVersionStats(model_name="california-housing", model_version="3", error=error)],
    )
    result = run(answers, tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    assert "600 predictions compared; shifted: median_income" in result.output
    page = (tmp_path / "report.html").read_text("utf-8")
    for text in (*FEATURE_NAMES, "Shifted: median_income", "1,234", "27,500 USD", "41,000 USD"):
        assert text in page
    assert page.count('<img src="data:image/svg+xml;base64,') == len(FEATURE_NAMES) + 1
    assert "http" not in page


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (Answers(profile=profile()), "no predictions of the last"),
        (Answers(log=predictions(10)), "registered without a profile"),
    ],
)
def test_without_anything_to_compare_there_is_no_page(answers: Answers, reason: str, tmp_path: Path) -> None:
    """One line says what is missing."""
    result = run(answers, tmp_path / "report.html")
    assert result.exit_code == 1
    assert reason in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Where the page was to go is named."""
    result = run(Answers(profile=profile(), log=predictions(10)), tmp_path / "no" / "report.html")
    assert result.exit_code == 1
    assert "report.html cannot be written: No such file or directory" in result.stderr


def test_a_field_that_nobody_gives_is_reported_as_that() -> None:
    """There is nothing to compare it with; its share of absence is told."""
    bedrooms = FEATURE_NAMES.index("total_bedrooms")
    values = [without(each, "total_bedrooms").row[bedrooms] for each in predictions(10)]
    field = report_field(Compared(distribution=profile().inputs[bedrooms], values=values))
    assert (field.verdict, field.drift, field.missing) == ("never given", None, 1.0)


def test_few_values_are_not_called_a_shift() -> None:
    """What may well be chance is called stable, however large it is."""
    field = report_field(Compared(distribution=profile().inputs[0], values=[0.5, 1.5, 2.5, 3.5, 4.5]))
    assert field.drift is not None
    assert field.drift.psi > 0.2
    assert field.verdict == "stable"


def test_pictures_are_svg() -> None:
    """A picture is well formed, and is of text fields as of numbers."""
    for distribution in (profile().inputs[0], profile().inputs[-1]):
        kind, _, content = draw(Compared(distribution=distribution, values=[1.0, 2.0])).partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert ET.fromstring(base64.b64decode(content)).tag.endswith("svg")  # noqa: S314 - our own picture
