"""Changing the champion: each change is on record before it is made, and one process makes one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from housing_server.errors import (
    ChampionChanged,
    ModelPinned,
    ModelRegistryUnavailable,
    ModelVersionNotFound,
    ModelVersionRefused,
    NoEarlierChampion,
)
from housing_server.model_store.uri import ModelUri
from housing_server.model_versions.registry import OpenRegistry, VersionRegistry
from housing_server.prediction_log.champion_history import ChampionHistory
from housing_server.prediction_log.champion_lease import ChampionLease
from housing_server.prediction_log.model_changes import ChangeKind, ModelChange, ModelChanges
from housing_server.prediction_log.retrainings import RetrainingRecords
from housing_server.prediction_log.store import PredictionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who wants a change, why, and under which condition."""

    changed_by: str
    """Who wants it."""
    reason: str
    """Why."""
    champion_version: str = ""
    """The version that must be the champion; empty for any."""


class ChampionChanger:
    """Promotes versions of the model that a URI names, and rolls back.

    Calls block. They raise PredictionLogUnavailable when the store does not respond, and ModelRegistryUnavailable when
    the registry does not. One thread may call at a time.
    """

    def __init__(
        self,
        model: ModelUri,
        open_registry: OpenRegistry,
        store: PredictionStore,
        *,
        lease: ChampionLease | None = None,
    ) -> None:
        self._model, self._open_registry = model, open_registry
        self._changes, self._records = ModelChanges(store), RetrainingRecords(store)
        self._history = ChampionHistory(model.name, self._changes)
        self._lease = lease or ChampionLease(store)

    @property
    def _registry(self) -> VersionRegistry:
        return self._open_registry()

    def promote(self, version: str, wish: Wish, *, force: bool) -> ModelChange | None:
        """Make a version the champion; None when it is already.

        Raises:
            ModelPinned: a version is configured, and no alias.
            ModelVersionNotFound: the registry does not have it.
            ModelVersionRefused: something on record speaks against it, and it is not forced.
            ChampionChanged: the champion is not the expected one.
        """
        with self._alone():
            version = version.lstrip("0") or "0"
            if not self._registry.exists(self._model.name, version):
                raise ModelVersionNotFound(self._model.name)
            champion = self._champion(wish)
            if champion == version:
                return None
            objection = self._history.objections(self._records).get(version, "")
            if objection and not force:
                raise ModelVersionRefused(objection)
            return self._make("promotion", champion, version, wish)

    def roll_back(self, wish: Wish) -> ModelChange:
        """Make the version the champion again that was it before.

        Raises:
            ModelPinned: a version is configured, and no alias.
            NoEarlierChampion: none is on record.
            ChampionChanged: the champion is not the expected one.
        """
        with self._alone():
            champion = self._champion(wish)
            before = self._history.before(champion)
            if before is None or not self._registry.exists(self._model.name, before):
                raise NoEarlierChampion
            return self._make("rollback", champion, before, wish)

    def _champion(self, wish: Wish) -> str:
        champion = self._registry.aliases(self._model.name).get(self._model.alias, "")
        if wish.champion_version and wish.champion_version != champion:
            raise ChampionChanged(champion)
        return champion

    def _make(self, kind: ChangeKind, champion: str, version: str, wish: Wish) -> ModelChange:
        change = self._changes.add(
            ModelChange(
                model_name=self._model.name,
                kind=kind,
                from_version=champion or None,
                to_version=version,
                changed_by=wish.changed_by,
                reason=wish.reason,
            )
        )
        try:
            self._registry.point(self._model.name, self._model.alias, version)
        except ModelRegistryUnavailable as error:
            self._changes.fail(change, error.reason)
            raise
        return change

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lease to change the champion.

        Raises:
            ModelPinned: there is no alias to change.
            ModelRegistryUnavailable: another process has held the lease for too long.
        """
        if not self._model.alias:
            raise ModelPinned
        with self._lease.held():
            yield
