"""The asynchronous client."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import grpc

from housing_client import calls
from housing_client.aio_streams import AsyncStream
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
from housing_client.senders import AsyncSender
from housing_client.unanswered import Unanswered


class AsyncPredictionClient:
    """Calls the prediction service from one event loop. Close it, or use it as an async context manager.

    Arguments, deadlines and errors are those of `PredictionClient`; `channel` is one of `grpc.aio`.
    """

    def __init__(  # noqa: PLR0913 - keyword-only arguments are clear in any number
        self,
        target: str | None = None,
        *,
        channel: grpc.aio.Channel | None = None,
        credentials: Credentials | None = None,
        api_key: str | None = None,
        deadlines: Deadlines = DEFAULT_DEADLINES,
        retries: Retries = DEFAULT_RETRIES,
        keepalive: Keepalive = DEFAULT_KEEPALIVE,
    ) -> None:
        self._channel, self.target = choose_channel(
            grpc.aio, target, channel, credentials=credentials, retries=retries, keepalive=keepalive
        )
        self._closes_channel = channel is None
        self._metadata = key_metadata(api_key, channel)
        self._deadlines = deadlines
        self._retries = retries
        self._sender = AsyncSender(self._channel, deadlines, self._metadata)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection and cancel open calls. A channel passed by the caller stays open."""
        if self._closes_channel:
            await self._channel.close()

    async def wait_until_reachable(self, seconds: float) -> bool:
        """Connect, and return whether that succeeded within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._channel.channel_ready()
        except TimeoutError:
            return False
        return True

    async def predict(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Prediction:
        """Predict one block group, given as a whole or as fields by name."""
        return await self._sender.call(calls.PREDICT, deadline, block_group, fields)

    async def predict_batch(
        self, block_groups: Iterable[BlockGroupLike], *, deadline: float | None = None
    ) -> list[Prediction]:
        """Predict any number of block groups, in order.

        They are sent in batches as large as the contract allows; each batch is predicted by one model version and has
        its own deadline. An invalid block group refuses its batch; violations give its index in `block_groups`.
        """
        return await self._sender.call_each(calls.BATCH_PREDICT, deadline, block_groups)

    async def predict_stream(
        self,
        block_groups: Iterable[BlockGroupLike] | AsyncIterable[BlockGroupLike],
        *,
        deadline: float | None = None,
        window: int = STREAM_WINDOW,
    ) -> AsyncGenerator[Prediction | HousingError, None]:
        """Predict block groups one by one, in order, with at most `window` in flight.

        They may come from an asynchronous iterator. An invalid block group yields its error in its place, and the
        stream continues; see `PredictionClient.predict_stream`.
        """
        call = calls.STREAM_PREDICT
        unanswered = Unanswered(deadline=call.seconds(deadline, self._deadlines), retries=self._retries)
        method = self._channel.stream_stream(call.path, call.encode, call.decode)
        stream = AsyncStream(method, unanswered, self._metadata)
        try:
            async for given in _each(block_groups):
                stream.send(call.request(given))
                if len(unanswered.requests) == window:
                    yield await stream.receive()
            stream.end()
            while unanswered.requests:
                yield await stream.receive()
        finally:
            stream.close()

    async def explain(
        self, block_group: BlockGroupLike | None = None, /, *, deadline: float | None = None, **fields: Any
    ) -> Explanation:
        """Explain the price of one block group, given as a whole or as fields by name."""
        return await self._sender.call(calls.EXPLAIN, deadline, block_group, fields)

    async def model(self, *, deadline: float | None = None) -> Model:
        """Describe the served model."""
        return await self._sender.call(calls.GET_MODEL, deadline)

    async def model_profile(self, *, deadline: float | None = None) -> ModelProfile:
        """Return the distributions of the served model's inputs and answers at training time.

        Raises:
            NotFoundError: the model was registered without a profile.
        """
        return await self._sender.call(calls.GET_MODEL_PROFILE, deadline)

    async def model_card(self, *, deadline: float | None = None) -> ModelCard:
        """Return the served model's card.

        Raises:
            NotFoundError: the model was registered without a card.
        """
        return await self._sender.call(calls.GET_MODEL_CARD, deadline)

    async def status(self, *, deadline: float | None = None) -> Status:
        """Return the state of the service."""
        return await self._sender.call(calls.GET_STATUS, deadline)

    async def logged_predictions(
        self, wanted: PredictionFilter = EVERYTHING, *, page_size: int = PAGE_SIZE, deadline: float | None = None
    ) -> AsyncIterator[LoggedPrediction]:
        """List predictions on record, newest first; pages are fetched as needed.

        Raises:
            ValueError: a time of the filter has no time zone.
        """
        request = calls.LIST_PREDICTIONS.request(wanted, page_size)
        listed = 0
        while True:
            page = await self._sender.send(calls.LIST_PREDICTIONS, request, deadline, answered=listed)
            for found in page.predictions:
                yield found
            listed += len(page.predictions)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def logged_prediction(self, prediction_id: str, *, deadline: float | None = None) -> LoggedPrediction:
        """Return one prediction on record.

        Raises:
            NotFoundError: the id is unknown, or its record was pruned.
        """
        return await self._sender.call(calls.GET_PREDICTION, deadline, prediction_id)

    async def prediction_stats(  # noqa: PLR0913 - keyword-only arguments are clear in any number
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
        return await self._sender.call(
            calls.GET_PREDICTION_STATS, deadline, start_time, end_time, model_version, period, errors_only
        )

    async def record_outcomes(self, outcomes: OutcomesLike, *, deadline: float | None = None) -> list[RecordedOutcome]:
        """Record the true prices of predictions, in 1990 USD by prediction id, and return the result of each.

        Repeating it is safe. Outcomes are sent in requests as large as the contract allows; an invalid outcome refuses
        its request, and violations give its index in `outcomes`.
        """
        return await self._sender.call_each(calls.RECORD_OUTCOMES, deadline, outcomes)

    async def model_versions(self, *, deadline: float | None = None) -> ModelVersions:
        """List the versions of the model in the registry, newest first."""
        return await self._sender.call(calls.LIST_MODEL_VERSIONS, deadline)

    async def model_changes(
        self, *, page_size: int = PAGE_SIZE, deadline: float | None = None
    ) -> AsyncIterator[ModelChange]:
        """List the changes of the champion, newest first; pages are fetched as needed."""
        request = calls.LIST_MODEL_CHANGES.request(page_size)
        listed = 0
        while True:
            page = await self._sender.send(calls.LIST_MODEL_CHANGES, request, deadline, answered=listed)
            for each in page.changes:
                yield each
            listed += len(page.changes)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def promote_model_version(  # noqa: PLR0913 - keyword-only arguments are clear in any number
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
        return await self._sender.call(
            calls.PROMOTE_MODEL_VERSION, deadline, version, reason, force, changed_by, champion_version
        )

    async def rollback_model(
        self, champion_version: str, *, reason: str, changed_by: str = "", deadline: float | None = None
    ) -> ModelChange:
        """Make the version the champion again that was it before the present one, and return the change.

        Args:
            champion_version: the present champion: a repeated call does not go back further.
            reason: why; it goes on record.
            changed_by: who changes it; by default the caller's address.
            deadline: deadline of the call, in seconds.
        """
        return await self._sender.call(calls.ROLLBACK_MODEL, deadline, reason, changed_by, champion_version)

    async def start_retraining(
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
        return await self._sender.call(
            calls.START_RETRAINING, deadline, reason, requested_by, retraining_id or str(uuid4())
        )

    async def retrainings(
        self, wanted: RetrainingFilter = EVERY_RETRAINING, *, page_size: int = PAGE_SIZE, deadline: float | None = None
    ) -> AsyncIterator[Retraining]:
        """List retrainings, newest first, without the slices of their comparisons; pages are fetched as needed.

        Raises:
            ValueError: a time of the filter has no time zone, or its trigger or verdict is unknown.
        """
        request = calls.LIST_RETRAININGS.request(wanted, page_size)
        listed = 0
        while True:
            page = await self._sender.send(calls.LIST_RETRAININGS, request, deadline, answered=listed)
            for each in page.retrainings:
                yield each
            listed += len(page.retrainings)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def retraining(self, retraining_id: str, *, deadline: float | None = None) -> Retraining:
        """Return one retraining with all its evidence.

        Raises:
            NotFoundError: the id is unknown.
        """
        return await self._sender.call(calls.GET_RETRAINING, deadline, retraining_id)

    async def retraining_status(self, *, deadline: float | None = None) -> RetrainingStatus:
        """Return the watchers, what waits and runs now, and counts of what there was."""
        return await self._sender.call(calls.GET_RETRAINING_STATUS, deadline)


async def _each(
    block_groups: Iterable[BlockGroupLike] | AsyncIterable[BlockGroupLike],
) -> AsyncIterator[BlockGroupLike]:
    if isinstance(block_groups, AsyncIterable):
        async for given in block_groups:
            yield given
    else:
        for given in block_groups:
            yield given
