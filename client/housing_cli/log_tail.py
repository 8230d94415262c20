"""Following the record of answers: what has come since the last look."""

from dataclasses import replace
from datetime import datetime, timedelta

from housing_client import LoggedPrediction, PredictionClient, PredictionFilter

_LOOK_BACK = timedelta(seconds=2)
"""Workers put answers on record side by side, so one may show after another that is a little younger."""


class LogTail:
    """Tells what is new, each prediction once."""

    def __init__(self, client: PredictionClient, wanted: PredictionFilter, last: list[LoggedPrediction]) -> None:
        """Begin behind what has been told already.

        Args:
            client: reads the record.
            wanted: which predictions to tell of.
            last: the newest that have been told, the newest first.
        """
        self._client = client
        self._wanted = wanted
        self._told: dict[str, datetime] = {}
        self._note(last)

    def poll(self) -> list[LoggedPrediction]:
        """Tell what has come since the last look, the oldest first."""
        found = list(self._client.logged_predictions(replace(self._wanted, start_time=self._start())))
        new = [each for each in reversed(found) if each.prediction_id not in self._told]
        self._note(new)
        return new

    def _start(self) -> datetime | None:
        if not self._told:
            return self._wanted.start_time
        start = max(self._told.values()) - _LOOK_BACK
        return max(start, self._wanted.start_time) if self._wanted.start_time else start

    def _note(self, told: list[LoggedPrediction]) -> None:
        """Remember what has been told, for as long as it can be found again."""
        self._told |= {each.prediction_id: each.predicted_at for each in told}
        if self._told:
            oldest = max(self._told.values()) - _LOOK_BACK
            self._told = {key: moment for key, moment in self._told.items() if moment >= oldest}
