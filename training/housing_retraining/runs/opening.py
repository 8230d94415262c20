"""The composition root of retrainings."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from housing_retraining.canaries import Canaries
from housing_retraining.champions import Champions
from housing_retraining.data_versions.row_table import ROWS, RowTable
from housing_retraining.settings import RetrainingSettings
from housing_server.model_store.fetching import tracking_uri
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.retraining_lease import Lease, this_process
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.store import PredictionStore

if TYPE_CHECKING:
    from housing_retraining.runs.queue import RetrainingQueue
    from housing_retraining.runs.retraining import RetrainingRun


def open_queue(
    settings: RetrainingSettings, store: PredictionStore, echo: Callable[[str], object]
) -> "RetrainingQueue":
    """Return the queue of retrainings of the repository that is the working directory."""
    # The watcher imports this module, and must not keep pandas, scikit-learn and ONNX Runtime in memory.
    from housing_retraining.runs.queue import RetrainingQueue  # noqa: PLC0415

    def make_run() -> "RetrainingRun":
        from housing_retraining.registry import ModelRegistry, absolute  # noqa: PLC0415 - imports MLflow
        from housing_retraining.runs.retraining import RetrainingRun  # noqa: PLC0415 - imports pandas and scikit-learn
        from housing_retraining.stages.policy import make_stages  # noqa: PLC0415
        from housing_training.files import artifacts  # noqa: PLC0415
        from housing_training.params.schema import Params  # noqa: PLC0415

        uri = absolute(tracking_uri(settings.state_dir))
        os.environ["MLFLOW_TRACKING_URI"] = uri  # the pipeline has another working directory
        name = Params.read(artifacts.PARAMS).register_.model_name
        registry, changes = ModelRegistry(uri, name), ModelChanges(store)
        champions, canaries = Champions(name, registry, changes), Canaries(name, registry, changes)
        stages = make_stages(settings, store, champions, canaries)
        return RetrainingRun(settings, store, registry, stages, tracking_uri=uri, echo=echo)

    lease = Lease(store, this_process(), seconds=settings.retraining_lease_seconds)
    return RetrainingQueue(
        settings, RetrainingRecords(store), lease, make_run, tables=(RowTable(settings.folder / ROWS).identity(),)
    )


def give_way(niceness: int) -> None:
    """Lower the priority of this process and of those that it starts."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
