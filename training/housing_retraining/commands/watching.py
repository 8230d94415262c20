"""The watcher: composition root."""

import signal
import threading
from pathlib import Path

from housing.logs import configure_logging
from housing_retraining.commands.files import folders_of
from housing_retraining.data_versions.row_table import ROWS, RowTable
from housing_retraining.intake.folders import IncomingFolder
from housing_retraining.rollback.guard import PromotionGuard
from housing_retraining.rollback.opening import rollback_policy
from housing_retraining.runs.opening import give_way
from housing_retraining.settings import RetrainingSettings
from housing_retraining.triggers.degradation import Degradation, Tolerance, inspect_service
from housing_retraining.triggers.new_data import NewData
from housing_retraining.triggers.schedule import Schedule
from housing_retraining.triggers.trigger import RetrainingTrigger
from housing_retraining.watch.changes import changes
from housing_retraining.watch.children import HousingChildren
from housing_retraining.watch.presence import Presence
from housing_retraining.watch.watcher import Watcher
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_lease import Lease, this_process
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.watchers import Watchers
from housing_training.params.schema import Params

_LONGEST_PAUSE_SECONDS = 1.0
"""How long a new file may wait for its second look after it has settled."""
_PARAMS = Path("training/params.yaml")
"""As in `housing_training.files.artifacts`, which would import pandas: 60 MB."""
_REPORT_SECONDS = 20.0
"""Pause between two reports to the store."""


def run_watcher(settings: RetrainingSettings, store: PredictionStore) -> None:
    """Watch until a signal to stop arrives."""
    stop, log = threading.Event(), configure_logging("retraining", settings.log_level)
    children = HousingChildren(log)

    def end(*_: object) -> None:
        stop.set()
        children.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    give_way(settings.retraining_niceness)
    folders_of(settings).make()
    rows, records = RowTable(settings.folder / ROWS), RetrainingRecords(store)
    watcher = Watcher(
        incoming=IncomingFolder(settings.incoming_dir, settle_seconds=settings.retraining_settle_seconds),
        triggers=_triggers(settings, rows, records),
        records=records,
        lease=Lease(store, this_process(), seconds=settings.retraining_lease_seconds),
        children=children,
        table=rows.identity(),
        log=log,
        trigger_seconds=settings.retraining_scan_seconds,
        guard=_guard(settings, store),
    )
    log.info("watching", incoming=str(settings.incoming_dir))
    pause = min(settings.retraining_scan_seconds, settings.retraining_settle_seconds + _LONGEST_PAUSE_SECONDS)
    with _presence(store, rows, children):
        for _ in changes(settings.incoming_dir, seconds=pause, stop=stop):
            if stop.is_set():
                break
            folders_of(settings).make()
            watcher.look()
    log.info("stopped")


def _guard(settings: RetrainingSettings, store: PredictionStore) -> PromotionGuard | None:
    if settings.retraining_rollback == "off":
        return None
    name = Params.read(_PARAMS).register_.model_name
    return PromotionGuard(store, name, rollback_policy(settings))


def _presence(store: PredictionStore, rows: RowTable, children: HousingChildren) -> Presence:
    return Presence(
        Watchers(store),
        row_table=rows.identity(),
        process=this_process(),
        pending_rows=lambda: rows.count("pending"),
        problem=lambda: children.problem,
        seconds=_REPORT_SECONDS,
    )


def _triggers(settings: RetrainingSettings, rows: RowTable, records: RetrainingRecords) -> list[RetrainingTrigger]:
    """Return the triggers that are switched on."""
    triggers: list[RetrainingTrigger] = []
    if settings.retraining_on_new_data == "on":
        cooldown = settings.retraining_new_data_cooldown_seconds
        triggers.append(NewData(rows, new_rows=settings.retraining_new_rows, cooldown_seconds=cooldown))
    if settings.retraining_schedule:
        triggers.append(Schedule(settings.retraining_schedule, records, now_us))
    if settings.retraining_on_degradation == "on":
        tolerance = Tolerance(
            error_factor=settings.retraining_error_factor,
            coverage_shortfall=settings.retraining_coverage_shortfall,
            drift_psi=settings.retraining_drift_psi,
            minimum_outcomes=settings.retraining_minimum_outcomes,
            estimated_error_factor=settings.retraining_estimated_error_factor,
        )
        cooldown = settings.retraining_degradation_cooldown_seconds
        triggers.append(Degradation(inspect_service(settings.target), tolerance, cooldown_seconds=cooldown))
    return triggers
