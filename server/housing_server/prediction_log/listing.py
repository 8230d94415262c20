"""Queries for predictions on record: a single one, or page by page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, select, tuple_

from housing.features import FEATURE_NAMES
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
from housing_server.prediction_log.page_tokens import position_from_token, token_from_position
from housing_server.prediction_log.records import from_timestamp, timestamp
from housing_server.prediction_log.store import PredictionStore
from housing_server.prediction_log.tables import Position, order_columns, outcomes, position_value, predictions

DEFAULT_PAGE_SIZE = 100

SCANNED_ROWS = 100_000
"""The most rows that one page scans when filters must check each: some tenths of a second."""

_COLUMNS = (
    predictions,
    outcomes.c.median_house_value.label("true_value"),
    outcomes.c.recorded_at_us,
    outcomes.c.revised_at_us,
)


def get_prediction(store: PredictionStore, prediction_id: str) -> GetPredictionResponse:
    """Return one prediction.

    Raises:
        PredictionNotFound: it is not on record.
        PredictionLogUnavailable: the store is not available.
    """
    statement = _with_outcomes(None).where(predictions.c.prediction_id == prediction_id.lower())
    with store.reading() as connection:
        row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        raise PredictionNotFound
    return GetPredictionResponse(prediction=_message(row))


def list_predictions(
    store: PredictionStore, request: ListPredictionsRequest, *, scanned_rows: int = SCANNED_ROWS
) -> ListPredictionsResponse:
    """List a page of predictions, the newest first.

    A page ends when it is full, or after `scanned_rows` rows, with the matches found so far.

    Args:
        store: the store of the log.
        request: the filters, and the page token.
        scanned_rows: the most rows to scan.

    Raises:
        InvalidRequest: the page token was not issued for this listing.
        PredictionLogUnavailable: the store is not available.
        QueryTooSlow: the query exceeded its time limit.
    """
    size = request.page_size or DEFAULT_PAGE_SIZE
    with store.reading() as connection:
        rows, end = _read_page(connection, request, size, scanned_rows)
    page = ListPredictionsResponse(predictions=map(_message, rows[:size]))
    if len(rows) > size:
        end = Position(rows[size - 1]["predicted_at_us"], rows[size - 1]["prediction_id"])
    if end is not None:
        page.next_page_token = token_from_position(end, request)
    return page


def _read_page(
    connection: Connection, request: ListPredictionsRequest, size: int, scanned_rows: int
) -> tuple[Sequence[RowMapping], Position | None]:
    """Return the rows of a page, one more if there is a next page, and where the scan stopped early, if it did."""
    has_outcome = request.has_outcome if request.HasField("has_outcome") else None
    # Outcomes are few and have an index of their own: where only they are requested, nothing else is read.
    ordered = outcomes if has_outcome else predictions
    order = order_columns(ordered)
    backwards = [column.desc() for column in order]
    indexed, filters = list(_indexed(request, ordered)), list(_filters(request, ordered))
    statement = _with_outcomes(has_outcome).where(*indexed, *filters).order_by(*backwards).limit(size + 1)
    end = None
    if filters or has_outcome is False:
        end = _end_of_scan(connection, select(*order).where(*indexed).order_by(*backwards), scanned_rows)
    if end is not None:
        statement = statement.where(tuple_(*order) >= position_value(end))
    return connection.execute(statement).mappings().all(), end


def _end_of_scan(connection: Connection, positions: Select[int, str], scanned_rows: int) -> Position | None:
    """Return the position of the last row that a page may scan; None when there is nothing after it."""
    found = connection.execute(positions.offset(scanned_rows - 1).limit(2)).all()
    return Position(*found[0]) if len(found) == 2 else None  # noqa: PLR2004 - it, and one after it


def _with_outcomes(has_outcome: bool | None) -> Select[Any]:
    statement = select(*_COLUMNS)
    joined = outcomes.c.prediction_id == predictions.c.prediction_id
    if has_outcome:
        return statement.join_from(outcomes, predictions, joined)
    statement = statement.outerjoin_from(predictions, outcomes, joined)
    return statement if has_outcome is None else statement.where(outcomes.c.prediction_id.is_(None))


def _indexed(request: ListPredictionsRequest, ordered: Table) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that an index of a table covers."""
    time = ordered.c.predicted_at_us
    if request.HasField("start_time"):
        yield time >= from_timestamp(request.start_time)
    if request.HasField("end_time"):
        yield time < from_timestamp(request.end_time)
    if last := position_from_token(request):
        yield tuple_(*order_columns(ordered)) < position_value(last)
    if request.model_version and ordered is predictions:
        yield predictions.c.model_version == request.model_version


def _filters(request: ListPredictionsRequest, ordered: Table) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that must be checked row by row."""
    price, box = predictions.c.median_house_value, request.bounding_box
    if request.model_version and ordered is not predictions:
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
