"""The stage *promote*: the challenger becomes the champion unless there is an objection on record."""

from housing_retraining.champions import Champions
from housing_retraining.errors import NotPromoted
from housing_retraining.stages.stage import StageContext, StageResult
from housing_server.prediction_log.retrainings import RetrainingRecords


class Promotion:
    """Moves the alias that the server follows."""

    name = "promote"

    def __init__(self, champions: Champions, records: RetrainingRecords) -> None:
        """Create it; nothing is changed yet.

        Args:
            champions: the champions of the registered model.
            records: earlier retrainings.
        """
        self._champions, self._records = champions, records

    def run(self, context: StageContext) -> StageResult:
        """Promote the challenger.

        Raises:
            RegistryFailed: the registry does not accept the change.
            ModelRegistryUnavailable: another process has been changing the champion for too long.
        """
        objection = self._changed(context) or self._rolled_back(context)
        if objection:
            return StageResult(state="refused", reason=objection)
        before = context.champion.version if context.champion else None
        reason = f"version {context.candidate.version} passed its stages beside version {before or 'none'}"
        try:
            self._champions.change(
                "promotion",
                context.candidate.version,
                changed_by=f"retraining, requested by {context.requested_by}",
                reason=reason,
                retraining_id=context.retraining_id,
                instead_of=before,
            )
        except NotPromoted as error:
            return StageResult(state="refused", reason=str(error))
        return StageResult(state="passed", reason=reason)

    def _changed(self, context: StageContext) -> str:
        now = self._champions.now()
        if now == context.champion:
            return ""
        version = now.version if now else "none"
        return f"the champion was changed meanwhile, to version {version}: it was compared with another"

    def _rolled_back(self, context: StageContext) -> str:
        """Return the objection if this version, or another one trained on the same rows, was rolled back."""
        gone = self._champions.rolled_back()
        if context.candidate.version in gone:
            return f"version {context.candidate.version} was rolled back"
        for version in self._records.versions_of(context.data_sha256):
            if version in gone:
                return f"the same rows made version {version}, which was rolled back"
        return ""
