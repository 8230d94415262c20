"""What the audit trail and the retrainings on record say about versions: which were rolled back, which refused."""

from housing_server.prediction_log.model_changes import CHAMPION_KINDS, ModelChange, ModelChanges
from housing_server.prediction_log.retrainings import RetrainingRecords

CHANGES_READ = 1000
"""How far back the audit trail is read."""


class ChampionHistory:
    """The champions that a registered model had."""

    def __init__(self, model_name: str, changes: ModelChanges) -> None:
        self._model_name, self._changes = model_name, changes

    def rolled_back(self) -> set[str]:
        """Return the versions that were rolled back and not promoted since."""
        gone: set[str] = set()
        for change in reversed(self._newest()):
            if change.failure is not None:
                continue
            if change.kind == "rollback" and change.from_version is not None:
                gone.add(change.from_version)
            elif change.kind == "promotion":
                gone.discard(change.to_version)
        return gone

    def before(self, champion: str) -> str | None:
        """Return the version that was the champion before this one; None when none is on record.

        A version that was rolled back is never returned.
        """
        rolled_back = self.rolled_back()
        for change in self._newest():
            came = change.failure is None and change.kind == "promotion" and change.to_version == champion
            if came and change.from_version is not None and change.from_version not in rolled_back:
                return change.from_version
        return None

    def objections(self, records: RetrainingRecords) -> dict[str, str]:
        """Return what on record speaks against versions, by version."""
        found = {
            retraining.model_version: f"version {retraining.model_version} was refused: {retraining.verdict_reason}"
            for retraining in reversed(records.newest(CHANGES_READ))
            if retraining.model_version is not None and retraining.verdict == "refused"
        }
        return found | {version: f"version {version} was rolled back" for version in self.rolled_back()}

    def _newest(self) -> list[ModelChange]:
        return self._changes.newest(self._model_name, CHANGES_READ, kinds=CHAMPION_KINDS)
