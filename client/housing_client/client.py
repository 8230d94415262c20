"""The synchronous client."""

from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import grpc

from housing_client import calls
from housing_client.channel import STREAM_WINDOW, Credentials, choose_channel
from housing_client.credentials import key_metadata
from housing_client.errors import HousingError
from housing_client.log_messages import PAGE_SIZE, OutcomesLike
from housing_client.messages import BlockGroupLike
from housing_client.model_versions import ModelChange, ModelVersions
from housing_client.policies import (
    DEFAULT_DEADLINES,
    DEFAULT_KEEPALIVE,
    DEFAULT_RETRIES,
    Deadlines,
    Keepalive,
    Retries,
)
from housing_client.prediction_log import (
    EVERYTHING,
    LoggedPrediction,
    PredictionFilter,
    PredictionStats,
    RecordedOutcome,
)
from housing_client.results import Explanation, Model, ModelCard, ModelProfile, Prediction, Status
from housing_client.retraining import EVERY_RETRAINING, Retraining, RetrainingFilter, RetrainingStatus
from housing_client.senders import Sender
from housing_client.streams import Stream
from housing_client.unanswered import Unanswered


class PredictionClient:
    """Calls the prediction service. Threads may share a client; close it, or use it as a context manager.

    Every method raises `HousingError` when the call fails, and `ValueError` when a block group has a name or a value
    that does not fit the contract. The error's `answered` is the number of items answered before. `deadline`, in
    seconds, overrides the method's deadline for one call.

    Args:
        target: `host:port` of the service, or any gRPC target; by default `HOUSING_TARGET`, else `localhost:50051`.
        channel: a channel of the caller's, instead of target and credentials; the caller also closes it. Its options
            are the caller's too: those of `channel_options` enable retries, keepalive and the largest batches.
        credentials: for TLS, a `Tls` or the result of `grpc.ssl_channel_credentials`; by default
            `Tls.from_environment`, else no encryption.
        api_key: the caller's key; by default `HOUSING_API_KEY`, else what the file `HOUSING_API_KEY_FILE` holds. To a
            channel of the caller's only a key that is given here is sent.
        deadlines: deadlines of the calls.
        retries: how calls are retried when the service is unavailable.
        keepalive: how lost connections are detected.

    Raises:
        TypeError: a channel is combined with a target or credentials.
        OSError: a file that the environment names cannot be read.
        ValueError: the key, or what the environment names, cannot be used.
    """

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        target: str | None = None,
        *,
        channel: grpc.Channel | None = None,
        credentials: Credentials | None = None,
        api_key: str | None = None,
        deadlines: Deadlines = DEFAULT_DEADLINES,
        retries: Retries = DEFAULT_RETRIES,
        keepalive: Keepalive = DEFAULT_KEEPALIVE,
    ) -> None:
        self._channel, self.target = choose_channel(
            grpc, target, channel, credentials=credentials, retries=retries, keepalive=keepalive
        )
        self._closes_channel = channel is None
        self._metadata = key_metadata(api_key, channel)
        self._deadlines = deadlines
        self._retries = retries
        self._sender = Sender(self._channel, deadlines, self._metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and cancel open calls. A channel passed by the caller stays open."""
        if self._closes_channel:
            self._channel.close()

    def wait_until_reachable(self, seconds: float) -> bool:
        """Connect, and return whether that succeeded within `seconds`."""
        connected = grpc.channel_ready_future(self._channel)
        try:
            connected.result(timeout=seconds)
        except grpc.FutureTimeoutError:
            connected.cancel()
            return False
        return True

    def predict(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Prediction:
        """Predict one block group, given as a whole or as fields by name."""
        return self._sender.call(calls.PREDICT, deadline, block_group, fields)

    def predict_batch(
        self, block_groups: Iterable[BlockGroupLike], *, deadline: float | None = None
    ) -> list[Prediction]:
        """Predict any number of block groups, in order.

        They are sent in batches as large as the contract allows; each batch is predicted by one model version and has
        its own deadline. An invalid block group refuses its batch; violations give its index in `block_groups`.
        """
        return self._sender.call_each(calls.BATCH_PREDICT, deadline, block_groups)

    def predict_stream(
        self, block_groups: Iterable[BlockGroupLike], *, deadline: float | None = None, window: int = STREAM_WINDOW
    ) -> Generator[Prediction | HousingError, None, None]:
        """Predict block groups one by one, in order, with at most `window` in flight.

        An invalid block group yields its error in its place, and the stream continues. `block_groups` is read in the
        caller's thread: an answer is yielded when `window` block groups are in flight, or when the last one has been
        read. A
            window of
        1 yields the answer to each before it reads the next.

        A stream survives its connection: when that is lost or the service restarts, it continues in another call at the
        first block group without an answer. Each is answered once; those in flight may be in the prediction log twice.
        """
        call = calls.STREAM_PREDICT
        unanswered = Unanswered(deadline=call.seconds(deadline, self._deadlines), retries=self._retries)
        method = self._channel.stream_stream(call.path, call.encode, call.decode)
        stream = Stream(method, unanswered, self._metadata)
        try:
            for request in map(call.request, block_groups):
                stream.send(request)
                if len(unanswered.requests) == window:
                    yield stream.receive()
            stream.end()
            while unanswered.requests:
                yield stream.receive()
        finally:
            stream.close()

    def explain(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Explanation:
        """Explain the price of one block group, given as a whole or as fields by name."""
        return self._sender.call(calls.EXPLAIN, deadline, block_group, fields)

    def model(self, *, deadline: float | None = None) -> Model:
        """Describe the served model."""
        return self._sender.call(calls.GET_MODEL, deadline)

    def model_profile(self, *, deadline: float | None = None) -> ModelProfile:
        """Return the distributions of the served model's inputs and answers at training time.

        Raises:
            NotFoundError: the model was registered without a profile.
        """
        return self._sender.call(calls.GET_MODEL_PROFILE, deadline)

    def model_card(self, *, deadline: float | None = None) -> ModelCard:
        """Return the served model's card.

        Raises:
            NotFoundError: the model was registered without a card.
        """
        return self._sender.call(calls.GET_MODEL_CARD, deadline)

    def status(self, *, deadline: float | None = None) -> Status:
        """Return the state of the service."""
        return self._sender.call(calls.GET_STATUS, deadline)

    def logged_predictions(
        self, wanted: PredictionFilter = EVERYTHING, *, page_size: int = PAGE_SIZE, deadline: float | None = None
    ) -> Iterator[LoggedPrediction]:
        """List predictions on record, newest first; pages are fetched as needed.

        Raises:
            ValueError: a time of the filter has no time zone.
        """
        request = calls.LIST_PREDICTIONS.request(wanted, page_size)
        listed = 0
        while True:
            page = self._sender.send(calls.LIST_PREDICTIONS, request, deadline, answered=listed)
            yield from page.predictions
            listed += len(page.predictions)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def logged_prediction(self, prediction_id: str, *, deadline: float | None = None) -> LoggedPrediction:
        """Return one prediction on record.

        Raises:
            NotFoundError: the id is unknown, or its record was pruned.
        """
        return self._sender.call(calls.GET_PREDICTION, deadline, prediction_id)

    def prediction_stats(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        model_version: str = "",
        period: str = "hour",
        errors_only: bool = False,
        deadline: float | None = None,
    ) -> PredictionStats:
        """Return statistics of predictions and errors, over the last day or another time range.

        Args:
            start_time: start, inclusive; by default a day before the end, or a month for periods of a day.
            end_time: end, exclusive; by default now.
            model_version: restricts the statistics to a version of the model; empty for all.
            period: length of the periods: `hour` or `day`.
            errors_only: whether to omit prices, periods, and versions without true prices, which is cheap.
            deadline: deadline of the call, in seconds.

        Raises:
            ValueError: the period is invalid, or a time has no time zone.
        """
        return self._sender.call(
            calls.GET_PREDICTION_STATS, deadline, start_time, end_time, model_version, period, errors_only
        )

    def record_outcomes(self, outcomes: OutcomesLike, *, deadline: float | None = None) -> list[RecordedOutcome]:
        """Record the true prices of predictions, in 1990 USD by prediction id, and return the result of each.

        Repeating it is safe. Outcomes are sent in requests as large as the contract allows; an invalid outcome refuses
        its request, and violations give its index in `outcomes`.
        """
        return self._sender.call_each(calls.RECORD_OUTCOMES, deadline, outcomes)

    def model_versions(self, *, deadline: float | None = None) -> ModelVersions:
        """List the versions of the model in the registry, newest first."""
        return self._sender.call(calls.LIST_MODEL_VERSIONS, deadline)

    def model_changes(self, *, page_size: int = PAGE_SIZE, deadline: float | None = None) -> Iterator[ModelChange]:
        """List the changes of the champion, newest first; pages are fetched as needed."""
        request = calls.LIST_MODEL_CHANGES.request(page_size)
        listed = 0
        while True:
            page = self._sender.send(calls.LIST_MODEL_CHANGES, request, deadline, answered=listed)
            yield from page.changes
            listed += len(page.changes)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def promote_model_version(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        version: str,
        *,
        reason: str,
        force: bool = False,
        changed_by: str = "",
        champion_version: str = "",
        deadline: float | None = None,
    ) -> ModelChange | None:
        """Make a version the champion, and return the change; None when it was the champion already.

        Args:
            version: the version.
            reason: why; it goes on record.
            force: whether to promote a version that was refused, or rolled back.
            changed_by: who changes it; by default the caller's address.
            champion_version: the version that must be the champion for the change to be made; empty for any.
            deadline: deadline of the call, in seconds.

        Raises:
            NotFoundError: the registry has no such version.
        """
        return self._sender.call(
            calls.PROMOTE_MODEL_VERSION, deadline, version, reason, force, changed_by, champion_version
        )

    def rollback_model(
        self, champion_version: str, *, reason: str, changed_by: str = "", deadline: float | None = None
    ) -> ModelChange:
        """Make the version the champion again that was it before the present one, and return the change.

        Args:
            champion_version: the present champion: a repeated call does not go back further.
            reason: why; it goes on record.
            changed_by: who changes it; by default the caller's address.
            deadline: deadline of the call, in seconds.
        """
        return self._sender.call(calls.ROLLBACK_MODEL, deadline, reason, changed_by, champion_version)

    def start_retraining(
        self, *, reason: str, requested_by: str = "", retraining_id: str = "", deadline: float | None = None
    ) -> Retraining:
        """Request a retraining, which a watcher carries out, and return what is on record of it.

        Repeating it with the same id is safe.

        Args:
            reason: why; it goes on record.
            requested_by: who requests it; by default the caller's address.
            retraining_id: its id, a UUID; by default a new one.
            deadline: deadline of the call, in seconds.
        """
        return self._sender.call(calls.START_RETRAINING, deadline, reason, requested_by, retraining_id or str(uuid4()))

    def retrainings(
        self, wanted: RetrainingFilter = EVERY_RETRAINING, *, page_size: int = PAGE_SIZE, deadline: float | None = None
    ) -> Iterator[Retraining]:
        """List retrainings, newest first, without the slices of their comparisons; pages are fetched as needed.

        Raises:
            ValueError: a time of the filter has no time zone, or its trigger or verdict is unknown.
        """
        request = calls.LIST_RETRAININGS.request(wanted, page_size)
        listed = 0
        while True:
            page = self._sender.send(calls.LIST_RETRAININGS, request, deadline, answered=listed)
            yield from page.retrainings
            listed += len(page.retrainings)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def retraining(self, retraining_id: str, *, deadline: float | None = None) -> Retraining:
        """Return one retraining with all its evidence.

        Raises:
            NotFoundError: the id is unknown.
        """
        return self._sender.call(calls.GET_RETRAINING, deadline, retraining_id)

    def retraining_status(self, *, deadline: float | None = None) -> RetrainingStatus:
        """Return the watchers, what waits and runs now, and counts of what there was."""
        return self._sender.call(calls.GET_RETRAINING_STATUS, deadline)
