"""The unanswered requests of a stream, and the decision whether its call is reopened."""

import random
import time
from collections import deque
from collections.abc import Callable
from typing import cast

import grpc

from housing.v1.prediction_service_pb2 import StreamPredictRequest, StreamPredictResponse
from housing_client import messages
from housing_client.errors import HousingError, housing_errors
from housing_client.policies import Retries
from housing_client.results import Prediction

_JITTER = 0.2
"""Relative random variation of a pause, so that clients do not reconnect all at once."""


class Unanswered:
    """The state that a stream needs to continue in another call.

    Answers arrive in the order of the requests, so the next call begins at the first unanswered request.

    Args:
        deadline: seconds for the whole stream, over all its calls; None for no limit.
        retries: how often, and for how long, the call is reopened.
        clock: returns seconds.
    """

    def __init__(
        self, *, deadline: float | None, retries: Retries, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.requests: deque[StreamPredictRequest] = deque()
        """Requests sent but not answered yet, oldest first."""
        self.is_complete = False
        """Whether the last request was sent."""
        self._retries = retries
        self._clock = clock
        self._end = None if deadline is None else clock() + deadline
        self._answered = 0
        self._failures = 0
        self._last_progress = clock()

    def seconds_left(self) -> float | None:
        """Return the time until the deadline; None for no limit."""
        return None if self._end is None else max(0.0, self._end - self._clock())

    def outcome(self, response: StreamPredictResponse | None) -> Prediction | HousingError:
        """Convert the answer to the oldest request.

        Args:
            response: the answer; None if the service ended the stream instead.

        Raises:
            ServiceError: the service ended the stream before every request was answered.
        """
        found = messages.stream_outcome(response, self._answered)
        self.requests.popleft()
        self._answered += 1
        self._failures = 0
        self._last_progress = self._clock()
        return found

    def pause_after(self, error: grpc.RpcError) -> float:
        """Return the seconds to wait before the call is reopened.

        Raises:
            HousingError: it must not be reopened: it would fail again, or has failed too often.
        """
        self._failures += 1
        pause = self._retries.pause(self._failures) * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        if not self._may_try_again(error, pause):
            with housing_errors(answered=self._answered):
                raise error
        return pause

    def _may_try_again(self, error: grpc.RpcError, pause: float) -> bool:
        if cast(grpc.Call, error).code() is not grpc.StatusCode.UNAVAILABLE:
            return False
        left = self.seconds_left()
        if left is not None and left <= pause:
            return False
        if self._answered:
            return self._clock() - self._last_progress + pause <= self._retries.stream_patience
        return self._failures < self._retries.attempts
