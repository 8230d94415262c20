"""Traffic of a service while a test changes its model: who answered each call, and which calls failed."""

import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from types import TracebackType
from typing import Any, Self

from housing_client import HousingError, Prediction, PredictionClient

_PAUSE_SECONDS = 0.04
_OUTCOMES_AT_ONCE = 20


class LiveTraffic:
    """Calls a service from a thread until the end of the block: `with LiveTraffic(...) as traffic`."""

    def __init__(
        self,
        target: str,
        block_groups: Sequence[Mapping[str, Any]],
        true_price: Callable[[Prediction], float] | None = None,
    ) -> None:
        """Call nothing yet.

        Args:
            target: where the service is.
            block_groups: the rows to send, repeatedly.
            true_price: returns what becomes known as the true price of a prediction; None where nothing does.
        """
        self._target, self._block_groups, self._true_price = target, block_groups, true_price
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.versions: list[str] = []
        """The version of each answer."""
        self.failures: list[HousingError] = []
        """The calls that failed."""

    def seen(self, version: str) -> bool | None:
        """Return True once a version has answered; None before, as `wait_for` expects."""
        return True if version in self.versions else None

    def _run(self) -> None:
        known: dict[str, float] = {}
        with PredictionClient(self._target) as client:
            for block_group in cycle(self._block_groups):
                if self._ended.wait(_PAUSE_SECONDS):
                    return
                try:
                    answer = client.predict(block_group)
                    if self._true_price is not None:
                        known[answer.prediction_id] = self._true_price(answer)
                    if len(known) == _OUTCOMES_AT_ONCE:
                        next(client.logged_predictions(), None)  # afterwards all answers are in the store
                        client.record_outcomes(known)
                        known = {}
                except HousingError as error:
                    self.failures.append(error)
                else:
                    self.versions.append(answer.model_version)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
