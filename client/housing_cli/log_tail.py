"""Polling of new predictions on record."""

from dataclasses import replace
from datetime import datetime, timedelta

from housing_client import LoggedPrediction, PredictionClient, PredictionFilter

_LOOK_BACK = timedelta(seconds=2)
"""Workers record predictions concurrently, so one may appear after another that is slightly younger."""


class LogTail:
    """Returns new predictions, each once."""

    def __init__(self, client: PredictionClient, wanted: PredictionFilter, last: list[LoggedPrediction]) -> None:
        """Start after the predictions that have been shown.

        Args:
            client: reads the prediction log.
            wanted: filter of the predictions to return.
            last: the newest predictions shown, newest first.
        """
        self._client = client
        self._wanted = wanted
        self._shown: dict[str, datetime] = {}
        self._remember(last)

    def poll(self) -> list[LoggedPrediction]:
        """Return the predictions recorded since the last call, oldest first."""
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
        """Remember which predictions have been shown, while they can still be found again."""
        self._shown |= {each.prediction_id: each.predicted_at for each in shown}
        if self._shown:
            oldest = max(self._shown.values()) - _LOOK_BACK
            self._shown = {key: moment for key, moment in self._shown.items() if moment >= oldest}
