"""Conversions between messages of the prediction log and plain values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import islice

from housing.v1 import outcome_service_pb2 as outcome_pb
from housing.v1 import prediction_log_service_pb2 as log_pb
from housing_client.prediction_log import (
    LiveError,
    LoggedInterval,
    LoggedPrediction,
    ModelVersionStats,
    Outcome,
    Page,
    PeriodStats,
    PredictionFilter,
    PredictionStats,
    PriceStats,
    RecordedOutcome,
)
from housing_client.times import moment_of, timestamp

OutcomesLike = Mapping[str, float] | Iterable[tuple[str, float]]
"""True prices in 1990 USD by prediction id, or pairs of both."""

PAGE_SIZE = 1000
"""Predictions per call: the most that the contract allows."""

OUTCOMES_AT_ONCE = 10_000
"""Outcomes per call: the most that the contract allows."""


def list_request(wanted: PredictionFilter, page_size: int) -> log_pb.ListPredictionsRequest:
    """Create the request for the first page of ListPredictions.

    Raises:
        ValueError: a time has no time zone.
    """
    box = wanted.bounding_box
    return log_pb.ListPredictionsRequest(
        start_time=timestamp(wanted.start_time),
        end_time=timestamp(wanted.end_time),
        model_version=wanted.model_version,
        min_median_house_value=wanted.min_median_house_value,
        max_median_house_value=wanted.max_median_house_value,
        bounding_box=None if box is None else log_pb.BoundingBox(**asdict(box)),
        has_outcome=wanted.has_outcome,
        page_size=page_size,
    )


def get_request(prediction_id: str) -> log_pb.GetPredictionRequest:
    """Create the request of GetPrediction."""
    return log_pb.GetPredictionRequest(prediction_id=prediction_id)


def stats_request(
    start_time: datetime | None, end_time: datetime | None, model_version: str, period: str, errors_only: bool
) -> log_pb.GetPredictionStatsRequest:
    """Create the request of GetPredictionStats.

    Raises:
        ValueError: the period is unknown, or a time has no time zone.
    """
    return log_pb.GetPredictionStatsRequest(
        start_time=timestamp(start_time),
        end_time=timestamp(end_time),
        model_version=model_version,
        period=log_pb.StatsPeriod.Value(f"STATS_PERIOD_{period.upper()}"),
        errors_only=errors_only,
    )


def outcome_requests(outcomes: OutcomesLike) -> Iterator[tuple[int, outcome_pb.RecordOutcomesRequest]]:
    """Split outcomes into requests, each with the index of its first outcome."""
    pairs = outcomes.items() if isinstance(outcomes, Mapping) else outcomes
    messages = (outcome_pb.TruePrice(prediction_id=key, median_house_value=value) for key, value in pairs)
    first_item = 0
    while items := list(islice(messages, OUTCOMES_AT_ONCE)):
        yield first_item, outcome_pb.RecordOutcomesRequest(outcomes=items)
        first_item += len(items)


def page(response: log_pb.ListPredictionsResponse) -> Page:
    """Convert the response of ListPredictions."""
    return Page(
        predictions=tuple(map(logged_prediction, response.predictions)), next_page_token=response.next_page_token
    )


def found_prediction(response: log_pb.GetPredictionResponse) -> LoggedPrediction:
    """Convert the response of GetPrediction."""
    return logged_prediction(response.prediction)


def logged_prediction(found: log_pb.LoggedPrediction) -> LoggedPrediction:
    """Convert a prediction on record."""
    interval = found.interval if found.HasField("interval") else None
    return LoggedPrediction(
        prediction_id=found.prediction_id,
        predicted_at=moment_of(found.predicted_at),
        method=found.method,
        model_name=found.model_name,
        model_version=found.model_version,
        block_group={field.name: value for field, value in found.block_group.ListFields()},
        median_house_value=found.median_house_value,
        interval=interval
        and LoggedInterval(lower=interval.lower, upper=interval.upper, upper_open=interval.upper_open),
        warnings=tuple(found.warnings),
        latency_seconds=found.latency_seconds,
        peer=found.peer,
        request_id=found.request_id,
        trace_id=found.trace_id,
        outcome=_outcome(found.outcome) if found.HasField("outcome") else None,
    )


def prediction_stats(response: log_pb.GetPredictionStatsResponse) -> PredictionStats:
    """Convert the response of GetPredictionStats."""
    return PredictionStats(
        start_time=moment_of(response.start_time),
        end_time=moment_of(response.end_time),
        model_versions=tuple(map(_model_version_stats, response.model_versions)),
        periods=tuple(map(_period_stats, response.periods)),
    )


def recorded_outcomes(response: outcome_pb.RecordOutcomesResponse) -> list[RecordedOutcome]:
    """Convert the response of RecordOutcomes, in the order of the request."""
    return [
        RecordedOutcome(
            prediction_id=found.prediction_id,
            result=outcome_pb.OutcomeResult.Name(found.result).removeprefix("OUTCOME_RESULT_").lower(),
        )
        for found in response.outcomes
    ]


def _outcome(found: log_pb.Outcome) -> Outcome:
    return Outcome(
        median_house_value=found.median_house_value,
        recorded_at=moment_of(found.recorded_at),
        revised_at=moment_of(found.revised_at) if found.HasField("revised_at") else None,
    )


def _model_version_stats(found: log_pb.ModelVersionStats) -> ModelVersionStats:
    return ModelVersionStats(
        model_name=found.model_name,
        model_version=found.model_version,
        prices=_price_stats(found.prices),
        error=_live_error(found.error) if found.HasField("error") else None,
    )


def _period_stats(found: log_pb.PeriodStats) -> PeriodStats:
    return PeriodStats(
        start_time=moment_of(found.start_time),
        model_name=found.model_name,
        model_version=found.model_version,
        prices=_price_stats(found.prices),
    )


def _price_stats(found: log_pb.PriceStats) -> PriceStats:
    return PriceStats(count=found.count, mean=found.mean, p5=found.p5, p50=found.p50, p95=found.p95)


def _live_error(found: log_pb.LiveError) -> LiveError:
    return LiveError(
        outcomes=found.outcomes,
        mean_absolute_error=found.mean_absolute_error,
        root_mean_squared_error=found.root_mean_squared_error,
        bias=found.bias,
        interval_coverage=found.interval_coverage if found.HasField("interval_coverage") else None,
    )
