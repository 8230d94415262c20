"""The command `housing drift-report`."""

import asyncio
import time
from pathlib import Path

import click

from housing_client import AsyncPredictionClient
from housing_monitoring.comparison import pair_up
from housing_monitoring.errors import MonitoringError, NothingToCompare
from housing_monitoring.grpc_service import DEADLINES, GrpcService
from housing_monitoring.report import Report, render, report_field
from housing_monitoring.settings import MonitorSettings, read_settings
from housing_monitoring.window import Window


@click.command("drift-report")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    default="drift-report.html",
    show_default=True,
    help="File to write; - is stdout.",
)
def drift_report(output: Path) -> None:
    """Write a page that compares the last predictions on record with the model's training data.

    Settings are those of `housing monitor`; the service must be running.
    """
    try:
        report = asyncio.run(_gather(read_settings()))
    except MonitoringError as error:
        raise click.ClickException(str(error)) from error
    try:
        with click.open_file(str(output), "w", encoding="utf-8") as file:
            file.write(render(report))
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    shifted = ", ".join(report.shifted) or "nothing"
    click.echo(f"{output}: {len(report.window):,} predictions compared; shifted: {shifted}", err=str(output) == "-")


async def _gather(settings: MonitorSettings) -> Report:
    """Read the data of the report.

    Raises:
        ServiceFailed: the service is not available.
        NothingToCompare: there are no predictions, or the model has no profile.
    """
    async with AsyncPredictionClient(settings.target, deadlines=DEADLINES) as client:
        service = GrpcService(client)
        model = await service.model()
        window = Window(rows=settings.drift_window_rows, seconds=settings.drift_window_seconds)
        await window.refresh(service.newest_first, time.time())
        live = await service.live_quality(model.name)
    if model.profile is None:
        raise NothingToCompare(
            f"version {model.training.model_version} of {model.name} was registered without a profile: "
            "retrain it with `housing train`"
        )
    if len(window) == 0:
        raise NothingToCompare(f"there are no predictions of the last {settings.drift_window_hours:g} hours on record")
    fields = [report_field(each) for each in pair_up(model, window)]
    return Report(model=model, window=list(window), fields=fields, live=live)
