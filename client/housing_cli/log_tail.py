"""Following the record of answers: what has come since the last look."""

from dataclasses import replace
from datetime import datetime, timedelta

from housing_client import LoggedPrediction, PredictionClient, PredictionFilter

_LOOK_BACK = timedelta(seconds=2)
"""Workers put answers on record side by side, so one may show after another that is a little younger."""


class LogTail:
    """Returns what is new, each prediction once."""

    def __init__(self, client: PredictionClient, wanted: PredictionFilter, last: list[LoggedPrediction]) -> None:
        """Begin after what has been shown already.

        Args:
            client: reads the record.
            wanted: which predictions to return.
            last: the newest that have been shown, the newest first.
        """
        self._client = client
        self._wanted = wanted
        self._shown: dict[str, datetime] = {}
        self._remember(last)

    def poll(self) -> list[LoggedPrediction]:
        """Return what has come since the last call, the oldest first."""
        found = list(self._client.logged_predictions(replace(self._wanted, start_time=self._start())))
        new = [each for each in reversed(found) if each.prediction_id not in self._shown]
        self._remember(new)
        return new

    def _start(self) -> datetime | None:
        if not self._shown:
            return self._wanted.start_time
        start = max(self._shown.values()) - _LOOK_BACK
        return max(start, self._wanted.start_time) if self._wanted.start_time else start

    def _remember(self, shown: list[LoggedPrediction]) -> None:
        """Remember what has been shown, for as long as it can be found again."""
        self._shown |= {each.prediction_id: each.predicted_at for each in shown}
        if self._shown:
            oldest = max(self._shown.values()) - _LOOK_BACK
            self._shown = {key: moment for key, moment in self._shown.items() if moment >= oldest}
