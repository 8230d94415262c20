"""Reading predictions off the record: one, or page by page."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, select, tuple_

from housing.contract import FEATURE_NAMES
from housing.v1.block_group_pb2 import BlockGroup
from housing.v1.prediction_log_service_pb2 import (
    GetPredictionResponse,
    ListPredictionsRequest,
    ListPredictionsResponse,
    LoggedInterval,
    LoggedPrediction,
    Outcome,
)
from housing_server.errors import PredictionNotFound
from housing_server.prediction_log.ordering import Position, as_value, columns
from housing_server.prediction_log.page_tokens import position_from_token, token_from_position
from housing_server.prediction_log.records import from_timestamp, timestamp
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import outcomes, predictions

DEFAULT_PAGE_SIZE = 100

_COLUMNS = (
    predictions,
    outcomes.c.median_house_value.label("true_value"),
    outcomes.c.recorded_at_us,
    outcomes.c.revised_at_us,
)


def get_prediction(store: PredictionStore, prediction_id: str) -> GetPredictionResponse:
    """Tell one prediction.

    Raises:
        PredictionNotFound: it is not on record.
        PredictionLogUnavailable: the store does not answer.
    """
    statement = _with_outcomes(None).where(predictions.c.prediction_id == prediction_id.lower())
    with store.reading() as connection:
        row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise PredictionNotFound
    return GetPredictionResponse(prediction=_message(row))


def list_predictions(store: PredictionStore, request: ListPredictionsRequest) -> ListPredictionsResponse:
    """List a page of predictions, the newest first.

    Raises:
        InvalidRequest: the page token is none of this listing.
        PredictionLogUnavailable: the store does not answer.
    """
    size = request.page_size or DEFAULT_PAGE_SIZE
    statement = _page(request).limit(size + 1)  # one more tells whether there is a next page
    with store.reading() as connection:
        rows = connection.execute(statement).mappings().all()
    page = ListPredictionsResponse(predictions=map(_message, rows[:size]))
    if len(rows) > size:
        last = rows[size - 1]
        page.next_page_token = token_from_position(Position(last["predicted_at_us"], last["prediction_id"]), request)
    return page


def _page(request: ListPredictionsRequest) -> Select[Any]:
    has_outcome = request.has_outcome if request.HasField("has_outcome") else None
    # Outcomes are few and have an order of their own: where only they are asked for, nothing else is looked at.
    ordered = outcomes if has_outcome else predictions
    order = columns(ordered)
    statement = _with_outcomes(has_outcome).where(*_conditions(request, ordered.c.predicted_at_us))
    if last := position_from_token(request):
        statement = statement.where(tuple_(*order) < as_value(last))
    return statement.order_by(*(column.desc() for column in order))


def _with_outcomes(has_outcome: bool | None) -> Select[Any]:
    statement = select(*_COLUMNS)
    joined = outcomes.c.prediction_id == predictions.c.prediction_id
    if has_outcome:
        return statement.join_from(outcomes, predictions, joined)
    statement = statement.outerjoin_from(predictions, outcomes, joined)
    return statement if has_outcome is None else statement.where(outcomes.c.prediction_id.is_(None))


def _conditions(request: ListPredictionsRequest, time: ColumnElement[int]) -> Iterator[ColumnElement[bool]]:
    """Word the filters."""
    price, box = predictions.c.median_house_value, request.bounding_box
    if request.HasField("start_time"):
        yield time >= from_timestamp(request.start_time)
    if request.HasField("end_time"):
        yield time < from_timestamp(request.end_time)
    if request.model_version:
        yield predictions.c.model_version == request.model_version
    if request.HasField("min_median_house_value"):
        yield price >= request.min_median_house_value
    if request.HasField("max_median_house_value"):
        yield price <= request.max_median_house_value
    if request.HasField("bounding_box"):
        yield predictions.c.longitude.between(box.west, box.east)
        yield predictions.c.latitude.between(box.south, box.north)


def _message(row: RowMapping) -> LoggedPrediction:
    return LoggedPrediction(
        prediction_id=row["prediction_id"],
        predicted_at=timestamp(row["predicted_at_us"]),
        method=row["method"],
        model_name=row["model_name"],
        model_version=row["model_version"],
        block_group=BlockGroup(**{name: row[name] for name in FEATURE_NAMES}),
        median_house_value=row["median_house_value"],
        interval=_interval(row),
        warnings=row["warnings"].split(),
        latency_seconds=row["latency_seconds"],
        peer=row["peer"],
        request_id=row["request_id"],
        trace_id=row["trace_id"],
        outcome=_outcome(row),
    )


def _interval(row: Mapping[Any, Any]) -> LoggedInterval | None:
    if row["interval_lower"] is None:
        return None
    return LoggedInterval(
        lower=row["interval_lower"], upper=row["interval_upper"], upper_open=row["interval_upper_open"]
    )


def _outcome(row: Mapping[Any, Any]) -> Outcome | None:
    if row["true_value"] is None:
        return None
    return Outcome(
        median_house_value=row["true_value"],
        recorded_at=timestamp(row["recorded_at_us"]),
        revised_at=timestamp(row["revised_at_us"]) if row["revised_at_us"] else None,
    )
