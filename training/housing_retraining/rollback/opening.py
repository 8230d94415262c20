"""The composition root of rollbacks."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from housing_retraining.champions import Champions
from housing_retraining.rollback.guard import PromotionGuard, RollbackPolicy
from housing_retraining.settings import RetrainingSettings
from housing_server.model_store.fetching import tracking_uri
from housing_server.prediction_log.logged_requests import Floats, LoggedRequests
from housing_server.prediction_log.model_changes import ModelChanges
from housing_server.prediction_log.store import PredictionStore

if TYPE_CHECKING:
    from housing_retraining.rollback.acting import Acted
    from housing_retraining.rollback.live_errors import Replay


def rollback_policy(settings: RetrainingSettings) -> RollbackPolicy:
    """Return the policy of rollbacks."""
    return RollbackPolicy(
        outcomes=settings.retraining_rollback_outcomes,
        days=settings.retraining_rollback_days,
        margin=settings.retraining_rollback_margin,
        confidence=settings.retraining_confidence,
    )


def guard_promotion(settings: RetrainingSettings, store: PredictionStore) -> "Acted":
    """Judge the last promotion, and roll it back if live errors got worse with it.

    Raises:
        RegistryFailed: the registry does not answer.
        NotComparable: the version before cannot be fetched or loaded for a replay.
        PredictionLogUnavailable: the store does not respond.
    """
    from housing_retraining.registry import ModelRegistry, absolute  # noqa: PLC0415 - imports MLflow
    from housing_retraining.rollback.acting import act  # noqa: PLC0415
    from housing_training.files import artifacts  # noqa: PLC0415
    from housing_training.params.schema import Params  # noqa: PLC0415

    name = Params.read(artifacts.PARAMS).register_.model_name
    os.environ["MLFLOW_TRACKING_URI"] = uri = absolute(tracking_uri(settings.state_dir))
    registry = ModelRegistry(uri, name)
    guard = PromotionGuard(store, name, rollback_policy(settings), replay=lambda version: _replay(name, version))
    return act(guard, Champions(name, registry, ModelChanges(store)))


def _replay(name: str, version: str) -> "Replay":
    """Load a version to replay requests through."""
    from housing_retraining.comparison.models import fetch, load  # noqa: PLC0415 - imports ONNX Runtime and pandas
    from housing_retraining.replay.scoring import score  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        model = load(fetch(name, version, Path(folder)))

    def prices(logged: LoggedRequests) -> Floats:
        return score(model, logged).prices

    return prices
