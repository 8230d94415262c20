"""The versions of the model and the changes of champion and canary: plain values without a message or a connection."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version of the model in the registry."""

    version: str
    """Its number."""
    run_id: str
    """Id of the MLflow run that trained it."""
    aliases: tuple[str, ...]
    """The aliases that name it."""
    registered_at: datetime
    """When it was registered, in UTC."""
    test_rmse: float | None
    """Root mean squared error on the test rows of its training, in 1990 USD; None when not recorded."""
    objection: str
    """Why promoting it needs force; empty when nothing on record speaks against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersions:
    """The versions of the model."""

    model_name: str
    """Name of the registered model."""
    alias: str
    """Alias that the service follows; empty when a version is configured by number."""
    champion_version: str
    """The version that it names; empty when there is none."""
    versions: tuple[ModelVersion, ...]
    """The versions, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """A change of the champion or of the canary."""

    change_id: str
    """Unique id of the change."""
    changed_at: datetime
    """When it was made, in UTC."""
    kind: str
    """`promotion`, `rollback`, `canary_start`, `canary_share` or `canary_end`."""
    from_version: str
    """The champion before, or the canary before; empty when there was none."""
    to_version: str
    """The champion since, or the canary since; empty when a canary ended."""
    changed_by: str
    """Who or what changed it."""
    reason: str
    """Why."""
    retraining_id: str
    """The retraining that led to it; empty without one."""
    failure: str
    """Why it could not be made; empty when it was made."""
    from_share: float | None = None
    """The share of the calls that the canary before answered, from 0 to 1; None without one."""
    to_share: float | None = None
    """The share of the calls that the canary answers since, from 0 to 1; None without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChangePage:
    """Part of a list of changes."""

    changes: tuple[ModelChange, ...]
    """The changes, the newest first."""
    next_page_token: str
    """Token of the next page; empty on the last one."""
