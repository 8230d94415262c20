"""`housing status`."""

from datetime import timedelta

import click

from housing_cli.commands.service import aligned, connected, json_option, target_option, to_json
from housing_client import PredictionLogState, Status

_GIB = 2**30


@click.command()
@target_option
@json_option
def status(target: str, as_json: bool) -> None:
    """Show the state of the service.

    The exit code is 1 when it serves no predictions.
    """
    with connected(target) as client:
        found = client.status()
    click.echo(to_json(found) if as_json else _text(found))
    if found.status == "NOT_SERVING":
        raise click.exceptions.Exit(1)


def _text(found: Status) -> str:
    workers, resources = found.workers, found.resources
    return aligned(
        [
            ("status", found.status),
            ("model", f"{found.model_name} {found.model_version}" if found.model_loaded else "none loaded"),
            ("up for", timedelta(seconds=round(found.uptime_seconds))),
            ("workers", f"{workers.serving} of {workers.configured} serving, {workers.restarts} restarted"),
            ("processors", f"{resources.cpu_cores_used:.2f} of {resources.cpu_cores} used"),
            ("memory", _share(resources.memory_used_bytes, resources.memory_total_bytes)),
            ("disk", _share(resources.disk_used_bytes, resources.disk_total_bytes)),
            ("prediction log", _log(found.prediction_log)),
        ]
    )


def _log(log: PredictionLogState) -> str:
    if not log.enabled:
        return "off"
    waiting = f"{log.backlog_rows:,} rows wait in the journals"
    return f"up, {waiting}" if log.store_up else f"DOWN, {waiting}: {log.problem}"


def _share(used: float, total: float) -> str:
    return f"{used / _GIB:.1f} of {total / _GIB:.1f} GiB used"
